"""The operator's page in Chromium: it follows the server, says when it is gone, and changes what is confirmed."""

import asyncio
import json
import re
import signal
import sys
import time

import pytest
import pytest_asyncio
from playwright.async_api import expect

from omi_actors.clock import SystemClock
from scripts.lab.chaos.sabotaged_server import CRASH_WORD
from scripts.lab.replay.server_process import build_server
from tests.browser.conftest import PHONE, Server, find_barriers
from tests.fakes.openai_server import Mode

# The queue is counted every 5 s.
expect.set_options(timeout=10_000)
pytestmark = pytest.mark.asyncio(loop_scope="session")

PLACE = "/metrics-dashboard"
HOSTILE = "<img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>"
COMMAND = (sys.executable, "-m", "scripts.lab.chaos.sabotaged_server", "crash_word")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory, model):
    """The program with a bug for one word, ready."""
    folder = tmp_path_factory.mktemp("server")
    process, target = build_server(folder, clock=SystemClock(), model_url=model.url, command=COMMAND)
    await process.start()
    yield Server(process, target, model)
    process.kill()


@pytest_asyncio.fixture(loop_scope="session")
async def open_dashboard(open_page, server):
    """Open the dashboard in a browser of its own, signed in."""

    async def open_one(**options):
        page = await open_page(**options)
        link = await (await page.request.post("/operator/links", headers=server.as_operator)).json()
        await page.goto(link["path"])
        return await show(page)

    return open_one


async def show(page):
    await page.goto(PLACE)
    await page.get_by_text("Live, as of").wait_for()
    await page.locator("#actors-body table").wait_for(state="attached")
    return page


class Wearable:
    """A wearer who speaks; the requests are not the browser's."""

    def __init__(self, page, server):
        self._page, self._server = page, server

    async def say(self, text, uid="ada", **more):
        segment = {"text": text, "speaker": "SPEAKER_00", "is_user": True, "start": time.monotonic(), "end": 0.0}
        segment["end"] = segment["start"] + 1.0
        query = f"?token={self._server.target.token}&uid={uid}"
        body = {"session_id": uid, "segments": [segment], **more}
        return await self._page.request.post(f"/omi-webhook{query}", data=body)


async def read_metrics(page, server):
    return await (await page.request.get("/metrics", headers=server.as_operator)).text()


def total(metrics, name):
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", metrics, re.MULTILINE))


def row(page, section, text):
    return page.locator(f"#{section}-body tbody tr", has_text=text)


async def test_numbers_move_within_one_and_a_half_seconds_and_equal_the_metrics(open_dashboard, server):
    page = await open_dashboard()
    wearable = Wearable(page, server)
    for number in range(28):
        await wearable.say(f"Sentence {number}.")
    said = time.monotonic()
    metrics = await read_metrics(page, server)
    webhooks = int(total(metrics, "omi_webhooks_total"))

    await expect(page.locator("[data-key=webhooks] .value")).to_have_text(str(webhooks))
    took_s = time.monotonic() - said

    assert webhooks >= 28
    assert took_s < 1.5
    assert await page.locator("#webhooks-body tbody tr").count() >= 28
    assert "accepted" in await page.locator("#webhooks-body tbody tr").first.inner_text()


async def test_crash_and_its_restart_are_seen_and_an_actor_is_restarted_by_hand(open_dashboard, server):
    page = await open_dashboard()
    wearable = Wearable(page, server)

    await wearable.say(f"The {CRASH_WORD} is here.", uid="eve")

    await row(page, "actors", "sessions").filter(has_text="PlantedError").wait_for()
    await row(page, "errors", "PlantedError").first.wait_for()
    # The collector counts once a second, so the sentence may come with the next document.
    await expect(page.locator("#hero")).to_contain_text(re.compile("crash", re.IGNORECASE))

    await row(page, "actors", "janitor").get_by_role("button", name="Restart").click()
    await page.get_by_role("button", name="Restart", exact=True).click()
    await page.get_by_text("janitor is started anew").wait_for()
    restarts = page.locator("[data-key='node_group/janitor'] [data-label=Restarts]")
    await expect(restarts).to_have_text("1")


async def test_dead_job_is_retried_by_hand_and_many_after_their_number_is_confirmed(open_dashboard, server):
    page = await open_dashboard()
    wearable = Wearable(page, server)
    server.model.mode = Mode.NO_QUOTA
    for number in range(3):
        await wearable.say(f"Hey Omi, how far is the moon, part {number}?", uid=f"asker-{number}")
    dead = page.locator("#queue-body [data-act=retry]")
    await expect(dead).to_have_count(3)
    await expect(page.locator("#queue .badge")).to_contain_text("3 dead")
    server.model.mode = Mode.NORMAL

    await dead.first.click()
    await expect(dead).to_have_count(2)
    await page.get_by_role("button", name="Retry dead").click()
    await expect(page.locator("#confirm-title")).to_have_text("Retry 2 dead jobs of kind answer?")
    await page.get_by_role("button", name="Retry", exact=True).click()

    await page.get_by_text("No job is dead.").wait_for()


async def test_eight_tabs_share_one_stream_and_the_ninth_loads(open_dashboard):
    first = await open_dashboard()
    streams = []
    first.context.on("request", lambda one: streams.append(one) if "/events" in one.url else None)
    tabs = [first]
    for _ in range(8):
        tab = await first.context.new_page()
        await asyncio.wait_for(show(tab), 5.0)
        tabs.append(tab)
    assert streams == [], "each tab had a stream"

    await first.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    await first.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    before = [await tab.locator("#taken").get_attribute("datetime") for tab in tabs]
    for tab, taken in zip(tabs[1:], before[1:], strict=True):
        await expect(tab.locator("#taken")).not_to_have_attribute("datetime", taken)
    assert len(streams) == 1, "no other tab took over"
    assert await first.locator("#taken").get_attribute("datetime") == before[0], "a hidden page went on"


async def test_keys_filter_and_help(open_dashboard, server):
    page = await open_dashboard()

    await page.keyboard.press("Space")
    await page.get_by_text("Paused, as of").wait_for()
    await page.keyboard.press("Space")
    await page.get_by_text("Live, as of").wait_for()
    await page.keyboard.press("?")
    await page.get_by_role("heading", name="Keys and words").wait_for()
    await page.keyboard.press("Escape")
    await page.keyboard.press("g")
    await page.keyboard.press("a")
    assert await page.evaluate("document.activeElement.closest('details').id") == "actors"

    await page.keyboard.press("/")
    await page.keyboard.type("store_reader ")  # its space pauses nothing
    await expect(page.locator("#filter-note")).to_have_text(re.compile(r"^\d+ rows$"))
    assert await page.locator("#actors-body tbody tr:visible").count() == 4
    assert await page.get_by_text("Live, as of").is_visible()

    reply = await Wearable(page, server).say("One more.")
    await page.locator("#filter").fill(reply.headers["x-request-id"])
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**{PLACE}/requests/*")


async def test_tab_that_slept_for_a_day_goes_on_and_does_not_say_that_the_server_was_gone(open_page, server):
    page = await open_page()
    link = await (await page.request.post("/operator/links", headers=server.as_operator)).json()
    await page.goto(link["path"])
    await page.clock.install()
    await show(page)
    said = []
    await page.expose_function("note", lambda text: said.append(text))  # noqa: PLW0108 (a builtin is refused)
    await page.evaluate(
        "new MutationObserver(() => note(document.getElementById('state').textContent))"
        ".observe(document.getElementById('state'), {childList: true, characterData: true, subtree: true})"
    )
    before = await page.locator("#taken").get_attribute("datetime")

    await page.clock.fast_forward("24:00:00")

    await expect(page.locator("#taken")).not_to_have_attribute("datetime", before)
    await expect(page.locator("#freshness")).to_have_text("Live, as of")
    assert "The server does not answer" not in said


async def test_phone_has_no_sideways_scroll_and_nothing_keeps_people_out(open_dashboard):
    for options in ({"color_scheme": "dark", **PHONE}, {"color_scheme": "light", "reduced_motion": "reduce"}):
        page = await open_dashboard(bypass_csp=True, **options)
        is_phone = "is_mobile" in options
        if is_phone:
            assert await page.evaluate("document.documentElement.scrollHeight") < 4_600
        # The table of the hour has a thousand cells, which axe reads one by one.
        await page.evaluate("for (const fold of document.querySelectorAll('details:not(#hour)')) fold.open = true")
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert await find_barriers(page) == []


async def test_hostile_texts_are_shown_as_text_and_nothing_inline_runs(open_dashboard, watch):
    page = await open_dashboard()
    document = json.loads(await page.evaluate(f"fetch('{PLACE}/data.json').then((reply) => reply.text())"))
    hostile = json.dumps(poison(document))

    async def answer(route):
        await route.fulfill(body=f"data: {hostile}\n\n", content_type="text/event-stream")

    await page.route("**/events*", answer)
    await page.route("**/data.json", lambda route: route.fulfill(body=hostile, content_type="application/json"))
    await page.goto(PLACE)
    await page.locator("#state", has_text="<img src=x").wait_for()
    await page.locator("#errors-body th", has_text="<script>").first.wait_for()

    assert await page.locator("main img, main script").count() == 0
    watch.expect("Content Security Policy")
    await page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'ran = 1'}))")
    assert await page.evaluate("typeof ran") == "undefined"
    assert "broken" not in (await page.title()).split("<")[0]


def poison(value):
    """Return a document with markup in every text but times, names of states, and addresses."""
    kept = {"takenAt", "startedAt", "status", "at", "firstAt", "lastAt"}
    if isinstance(value, dict):
        return {name: one if name in kept else poison(one) for name, one in value.items()}
    if isinstance(value, list):
        return [poison(one) for one in value]
    return f"{value}{HOSTILE}" if isinstance(value, str) else value


async def test_page_says_within_three_seconds_that_the_server_is_gone_and_then_that_it_is_back(
    open_dashboard, server, watch
):
    page = await open_dashboard()
    for end in ("stops", "ends"):
        stopped = time.monotonic()
        if end == "stops":
            server.process.send_signal(signal.SIGSTOP)
        else:
            watch.expect("Failed to load resource")  # the browser itself tells of each refused connection
            server.process.kill()
        await page.get_by_text("The server does not answer").wait_for()
        assert time.monotonic() - stopped < 3.0 + 0.5  # half a second for two loaded cores
        await page.get_by_text(re.compile(r"No answer for [2-9] s")).wait_for()

        if end == "stops":
            server.process.send_signal(signal.SIGCONT)
        else:
            await server.process.start()
        await expect(page.locator("#freshness")).to_have_text(re.compile(r"^The server is back; it did not answer for"))
        await page.get_by_text("The server does not answer").wait_for(state="hidden")
