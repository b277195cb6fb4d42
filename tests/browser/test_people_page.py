"""The page for people in a browser: from the account to its end, with a real server and a fake model."""

import sqlite3
from contextlib import closing

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PHONE, find_barriers
from tests.canaries import PASSWORD
from tests.fakes.openai_server import Mode
from tests.people.talks import UID
from tests.system.conftest import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
RIGHT_TO_LEFT = "مرحبا، كيف حالك؟ 😀"
VIEWS = (
    "talk",
    "history",
    "memories",
    "tasks",
    "prompts",
    "activity",
    "preferences",
    "devices",
    "account",
    "help",
    "more",
)


@pytest.fixture(scope="module")
def settings():
    return {"ENABLE_RATE_LIMIT": "false"}


@pytest.fixture(autouse=True)
def calm_model(server):
    """The model answers at once again after each test."""
    yield
    server.model.mode, server.model.delay_s = Mode.NORMAL, 0.0


async def sign_up(page, name, **more):
    """Make an account for the browser of this page."""
    form = {"email": f"{name}@example.com", "password": PASSWORD, **more}
    reply = await page.request.post("/auth/register", data=form)
    assert reply.status == 201


async def see(page, address):
    """Open a view and wait until it is shown."""
    await page.goto(f"/#/{address}")
    view = address.partition("/")[0]
    await expect(page.locator(f"#main[data-view={view}]:not([aria-busy]) h1")).to_be_visible()


async def ask(page, text):
    await page.get_by_label("Your question").fill(text)
    await page.keyboard.press("Enter")


def title(page):
    return page.get_by_role("heading", level=1)


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


async def link_by_requests(page, uid):
    begun = await (await page.request.post("/link/omi/start", data={"omi_user_id": uid})).json()
    await page.request.post("/link/omi/confirm", data={"omi_user_id": uid, "code": begun["dev_code"]})


async def say(page, server, *texts, uid=UID):
    """Let the wearable hear sentences."""
    segments = [
        {"id": text, "text": text, "speaker": "SPEAKER_00", "is_user": False, "start": at, "end": at + 0.5}
        for at, text in enumerate(texts)
    ]
    body = {"session_id": uid, "segments": segments}
    reply = await page.request.post(f"/omi-webhook?token={server.target.token}&uid={uid}", data=body)
    assert "x-omi-actors-dropped" not in reply.headers


def make_yesterday(server):
    """Let a day pass for all that was heard."""
    with closing(sqlite3.connect(server.process.log_file.parent / "data" / "omi.sqlite3", timeout=5)) as con:
        con.execute("UPDATE transcript_segment SET created_at = created_at - 86400")
        con.execute("UPDATE conversation SET started_at = started_at - 86400")
        con.commit()


async def begin(page):
    """Make an account as a person does, at an address that needs one."""
    await page.goto("/#/devices")
    await page.get_by_label("Email").fill("ada@example.com")
    await page.get_by_label("Name, if you like").fill("Ada")
    await page.get_by_label("Password").fill(PASSWORD)
    await button(page, "Make my account").click()


async def link_wearable(page):
    """Link the wearable by the code that a server for development shows."""
    await page.get_by_label("User id of the Omi app").fill(UID)
    await button(page, "Send the code").click()
    await button(page, "Link").click()
    await expect(page.get_by_text("linked since")).to_be_visible()


async def is_indexed(page, words):
    """Return True once a search finds these words: the index takes what was said within some seconds."""
    return bool((await (await page.request.get(f"/conversations/search?q={words}")).json())["items"])


async def delete_by_keyboard_and_in_the_search(page):
    """Delete the sentence that is shown, then the other one where the search finds it."""
    await button(page, "Delete: The blue bicycle is in the cellar.").focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    await expect(button(page, "Delete: The blue bicycle is in the cellar.")).to_be_focused()
    await page.keyboard.press("Enter")
    await button(page.get_by_role("dialog"), "Delete").press("Enter")
    await expect(page.locator("p.heard")).to_have_count(1)
    await expect(page.locator("p.heard")).to_contain_text("Its key is on the shelf.")
    await expect(button(page, "Delete: Its key is on the shelf.")).to_be_focused()
    await page.reload()
    await expect(page.locator("p.heard")).to_have_count(1)

    await see(page, "history")
    await page.get_by_label("Search in all conversations").fill("bicycle")
    await expect(page.get_by_text("Nothing was found.")).to_be_visible()
    await page.get_by_label("Search in all conversations").fill("shelf")
    await button(page, "Delete: Its key is on the shelf.").click()
    await button(page.get_by_role("dialog"), "Delete").click()
    await expect(page.get_by_text("Nothing was found.")).to_be_visible()
    await expect(page.get_by_label("Search in all conversations")).to_be_focused()


async def test_person_begins_talks_links_a_wearable_finds_a_sentence_from_yesterday_and_deletes_it(page, server):
    await begin(page)
    await link_wearable(page)
    await say(page, server, "The blue bicycle is in the cellar.", "Its key is on the shelf.")
    make_yesterday(server)

    await page.get_by_role("link", name="New conversation").click()
    await ask(page, "How far is the moon?")
    talk = ["How far is the moon?", "You asked: How far is the moon?"]
    await expect(page.locator(".message .text")).to_have_text(talk)
    await expect(title(page)).to_have_text(talk[0])
    await page.reload()
    await expect(page.locator(".message .text")).to_have_text(talk)

    await see(page, "history")
    await eventually(lambda: is_indexed(page, "bicycle"))
    await page.get_by_label("Search in all conversations").press_sequentially("bicycle")
    found = page.locator("#main .rows a", has_text="blue bicycle")
    await expect(found).to_contain_text("Yesterday")
    await found.click()
    await expect(page.locator("p.found")).to_contain_text("The blue bicycle is in the cellar.")
    await expect(page.locator("p.found")).to_be_in_viewport()
    await expect(page.locator("p.found")).to_be_focused()
    await delete_by_keyboard_and_in_the_search(page)


async def test_answer_comes_in_pieces_can_be_stopped_and_is_not_lost_offline(page, server, watch):
    await sign_up(page, "bob")
    server.model.mode, server.model.delay_s = Mode.TRICKLE, 0.05
    await see(page, "talk")
    answer = page.locator(".its .text").last

    await ask(page, "Tell me a long story about a very long river, from its source to the sea, please!")
    await expect(answer).to_contain_text("You asked: Tell")
    assert not (await answer.inner_text()).endswith("please!")
    await page.get_by_role("button", name="Stop the answer").click()
    await expect(page.locator(".problem")).to_contain_text("Stopped.")

    server.model.mode = Mode.NORMAL
    await page.context.set_offline(True)
    watch.expect("ERR_INTERNET_DISCONNECTED")
    await ask(page, "And this one?")
    await expect(page.locator(".problem").last).to_contain_text("The server cannot be reached.")
    await page.context.set_offline(False)
    await expect(answer).to_have_text("You asked: And this one?")

    server.model.mode = Mode.BAD_CONTENT
    await ask(page, "And a third one?")
    await expect(page.locator(".problem")).to_have_count(2)
    server.model.mode = Mode.NORMAL
    await button(page, "Try again").click()
    await expect(answer).to_have_text("You asked: And a third one?")
    reply = await page.request.get(f"/conversations/{page.url.rpartition('/')[2]}/messages")
    answers = [one["text"] for one in (await reply.json())["items"] if one["kind"] == "answer"]
    assert answers == ["You asked: And a third one?", "You asked: And this one?"]


async def test_another_tab_and_the_wearable_are_seen_at_once_and_the_back_button_leads_back(page, server):
    await sign_up(page, "cy")
    await link_by_requests(page, "wearable-of-cy")
    await see(page, "talk")
    await ask(page, "First?")
    await expect(page.locator(".its .text")).to_have_text("You asked: First?")
    address = page.url.partition("#")[2]
    tabs = [page, *[await page.context.new_page() for _ in range(7)]]
    for tab in tabs[1:]:
        await tab.goto(f"/#{address}")

    await ask(tabs[-1], "Second?")

    for tab in (tabs[-1], page):
        await expect(tab.locator(".its .text")).to_have_text(["You asked: First?", "You asked: Second?"])
    for tab in tabs[1:]:
        await tab.close()
    async with page.expect_response("**/conversations/current/stream"):
        await page.reload()

    await say(page, server, "Hey Omi, how deep is the sea?", uid="wearable-of-cy")
    await expect(page.locator(".news")).to_contain_text("You asked: how deep is the sea?")
    await page.locator(".news a").click()
    await expect(page.locator(".heard")).to_contain_text("Hey Omi, how deep is the sea?")
    await page.go_back()
    await expect(title(page)).to_have_text("First?")
    await expect(page.get_by_role("link", name="Talk", exact=True)).to_have_attribute("aria-current", "page")


async def test_texts_of_others_are_shown_as_texts(page, server):
    await sign_up(page, "dora", display_name=HOSTILE)
    await page.request.post("/memories", data={"text": HOSTILE})
    await page.request.post("/agent-events", data={"type": HOSTILE})
    await page.request.post("/link/omi/start", data={"omi_user_id": "x<b>y"})
    await see(page, "talk")
    await ask(page, f"{RIGHT_TO_LEFT}\n{HOSTILE}")
    await expect(page.locator(".its .text")).to_contain_text(HOSTILE)
    await expect(page.locator(".its .text")).to_have_css("unicode-bidi", "plaintext")

    for view in ("memories", "tasks", "devices", "history", "account"):
        await see(page, view)
        if view in {"memories", "tasks"}:
            await expect(page.locator("#main .rows")).to_contain_text("<script>")

    assert await page.locator("#main img, .side img, body script").count() == 0
    assert "taken" not in await page.title()


async def test_preferences_are_saved_as_typed_and_unfinished_ones_are_marked(page):
    await sign_up(page, "eve")
    await see(page, "preferences")
    begins, zone = page.get_by_label("They begin at"), page.get_by_label("Your time zone")

    await begins.press_sequentially("22:0")
    await expect(page.get_by_text("Not valid yet, without effect: it must be a time such as 22:00.")).to_be_visible()
    await begins.press_sequentially("0")
    await expect(begins).to_have_attribute("aria-invalid", "false")
    await zone.fill("Europe/Berlin")
    await page.get_by_label("Mute").check()
    await page.get_by_label("How easily it wakes").fill("2")
    await page.get_by_label("Language of answers").select_option("de")
    await expect(page.get_by_text("Each mention of the name")).to_be_visible()
    await expect(page.locator(".saved")).to_have_text("Saved.")

    await page.reload()
    await expect(begins).to_have_value("22:00")
    await expect(zone).to_have_value("Europe/Berlin")
    await expect(page.get_by_label("Mute")).to_be_checked()
    await expect(page.get_by_label("Language of answers")).to_have_value("de")


async def test_memories_and_tasks_are_kept_changed_searched_and_removed(page):
    await sign_up(page, "fay")
    await see(page, "memories")
    rows = page.locator("#main .rows .item")
    for text in ("The bike has 28 inch wheels.", "Peanuts are dangerous."):
        await page.get_by_label("New memory").fill(text)
        await button(page, "Remember").click()
        await expect(rows.first).to_contain_text(text)
    await page.get_by_label("Search in memories").fill("bike")
    await expect(rows).to_have_count(1)
    await button(rows, "Edit").click()
    await page.get_by_label("Memory", exact=True).fill("The bike has 29 inch wheels.")
    await button(page, "Save").click()
    await expect(rows.locator("mark")).to_have_text("bike")
    await button(rows, "Delete").click()
    await button(page.get_by_role("dialog"), "Delete").click()
    await expect(rows).to_have_count(0)

    await see(page, "tasks")
    await page.get_by_label("New task").fill("Call the dentist")
    await button(page, "Add").click()
    await page.get_by_label("Call the dentist").check()
    await expect(page.locator(".task.done")).to_contain_text("done")


async def test_prompt_is_tried_made_run_changed_and_removed(page):
    await sign_up(page, "prompter")
    await see(page, "prompts")
    card, rows = page.locator(".card"), page.locator("#main > ul > li")
    await card.get_by_label("Name").fill("short")
    await card.get_by_label("Text").fill("Shorter: {what}")
    await button(card, "Try it").click()
    await card.get_by_label("what").fill("rain is wet")
    await button(card, "Run").click()
    await expect(card.get_by_role("status")).to_contain_text("Shorter: rain is wet")
    await card.get_by_label("The output").select_option("memory")
    await card.get_by_label("Answers that follow it").select_option("todos")
    await button(card, "Save").click()
    await expect(rows.first).to_contain_text("the output becomes a memory, for answers in todos, version 1")

    await button(rows.first, "Run").click()
    await rows.first.get_by_label("what").fill("snow")
    await button(rows.first, "Run").last.click()
    await expect(rows.first.get_by_role("status")).to_contain_text("Shorter: snow")
    await button(rows.first, "Edit").click()
    await rows.first.get_by_label("Text").fill("Longer: {what}")
    await button(rows.first, "Save").click()
    await button(rows.first, "Versions").click()
    await button(rows.first, "Use again").click()
    await expect(rows.first).to_contain_text("version 3")
    await button(rows.first, "Delete").click()
    await button(page.get_by_role("dialog"), "Delete").click()
    await expect(rows.filter(has_text="of this server")).to_have_count(2)
    await expect(rows).to_have_count(2)


async def test_answer_shows_the_memories_that_it_used(page):
    await sign_up(page, "gil")
    await page.request.post("/memories", data={"text": "The spare key is under the red flowerpot."})
    await see(page, "talk")
    await page.get_by_label("Use my memories").check()
    await expect(page.get_by_text("Answers use your memories")).to_be_visible()

    await ask(page, "Where is the spare key?")

    await page.get_by_text("From 1 of your memories").click()
    await expect(page.locator(".sources li")).to_contain_text("The spare key is under the red flowerpot.")


async def test_every_view_fits_a_dark_phone_and_axe_finds_nothing_serious(open_page, server):
    dark = {"color_scheme": "dark", "bypass_csp": True}
    page = await open_page(**PHONE, **dark)
    await page.goto("/")
    await expect(button(page, "Make my account")).to_be_visible()
    barriers = [await find_barriers(page)]
    await sign_up(page, "hal", display_name="Hal" * 60)
    await page.request.post("/memories", data={"text": "long" * 200})
    await page.request.post("/agent-events", data={"type": "task", "payload": {"text": "long" * 100}})
    await page.goto("/")
    await ask(page, "long" * 100)
    await expect(page.locator(".its .text")).to_contain_text("You asked")

    for view in VIEWS:
        await see(page, view)
        widths = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert widths[0] <= widths[1], view
        barriers.append(await find_barriers(page))
    await page.goto("/#/history")
    await page.locator("#main .rows a").click()
    await expect(page.locator(".its .text")).to_be_visible()
    barriers.append(await find_barriers(page))

    assert barriers == [[]] * len(barriers)


async def test_everything_is_exported_other_devices_are_signed_out_and_the_account_is_erased(page, open_page, watch):
    await sign_up(page, "ida")
    other = await open_page()
    await other.request.post("/auth/login", data={"email": "ida@example.com", "password": PASSWORD})
    await see(other, "talk")
    await other.get_by_label("Your question").fill("half a question")
    await see(page, "devices")
    await button(page, "Sign out all others").click()
    await expect(page.locator("section:has(#signed) li")).to_have_count(1)
    watch.expect("401")
    await other.get_by_role("link", name="Memories").click()
    await expect(other.get_by_text("Your sign-in has ended.")).to_be_visible()

    await see(page, "account")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Export everything").click()
    assert (await download.value).suggested_filename.endswith(".zip")
    await button(page, "Delete my account…").click()
    dialog = page.get_by_role("dialog")
    await expect(button(dialog, "Delete everything")).to_be_disabled()
    await dialog.get_by_label("To confirm").fill("ida@example.com")
    await dialog.get_by_label("Your password").fill(PASSWORD)
    await button(dialog, "Delete everything").click()
    await expect(page.get_by_text("Everything of your account is erased.")).to_be_visible()
    assert (await page.request.get("/me")).status == 401


async def test_operator_finds_the_state_and_the_links_beside_what_is_a_persons(operator_page):
    await sign_up(operator_page, "kim")
    await see(operator_page, "operator")

    await expect(operator_page.locator("#main .state")).to_be_visible()
    await expect(operator_page.get_by_role("link", name="Dashboard")).to_have_attribute("href", "/metrics-dashboard")
    await expect(operator_page.get_by_role("link", name="Memories")).to_be_visible()


async def test_person_who_signs_in_again_finds_the_words_that_were_typed_and_nobody_else_does(page, watch):
    await sign_up(page, "jo")
    await see(page, "talk")
    await page.get_by_label("Your question").fill("half a question")
    await page.request.post("/account/sessions/revoke-others")
    await page.request.post("/auth/register", data={"email": "kim@example.com", "password": PASSWORD})
    watch.expect("401")

    for name, words in (("jo", "half a question"), ("kim", "")):
        await page.context.clear_cookies()
        await page.get_by_role("link", name="Tasks").click()
        await page.get_by_label("Email").fill(f"{name}@example.com")
        await page.get_by_label("Password").fill(PASSWORD)
        await button(page.get_by_role("dialog"), "Sign in").click()
        await expect(title(page)).to_have_text("Tasks")
        await see(page, "talk")
        await expect(page.get_by_label("Your question")).to_have_value(words)

    await button(page, "Sign out").click()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert await page.evaluate("sessionStorage.length") == 0


async def test_page_without_an_account_answers_where_that_is_allowed(page):
    await page.goto("/")
    await page.get_by_role("link", name="/help").click()
    await expect(title(page)).to_have_text("Help")
    await page.goto("/#/help/%")  # no address that a link has
    await expect(title(page)).to_have_text("Help")
    await page.goto("/")

    await button(page, "Talk without an account").click()
    await ask(page, "How far is the moon?")

    await expect(page.locator(".its .text")).to_have_text("You asked: How far is the moon?")
    await expect(page.get_by_role("link", name="Memories")).to_have_count(0)
    policy = (await page.request.get("/")).headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
