"""The operator's pages of jobs and transcripts, in one walk from the dashboard to a dead job and its session."""

import json

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PHONE, find_barriers
from tests.fakes.openai_server import Mode

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUESTION = "Hey Omi, how far is the moon?"
HOSTILE = "<script>document.title = 'taken'</script> <img src=x onerror=\"document.title = 'taken'\"> said Ada"


async def say(page, server, text, *, speaker="SPEAKER_00", at=1.0):
    """Send a webhook."""
    segment = {"id": text[:9], "text": text, "speaker": speaker, "is_user": True, "start": at, "end": at + 1}
    await page.request.post(
        f"/omi-webhook?token={server.target.token}&uid=ada",
        headers={"Content-Type": "application/json"},
        data=json.dumps({"segments": [segment]}),
    )


async def test_operator_follows_a_dead_job_to_its_words_its_session_and_its_request(operator_page, server):
    page = operator_page
    await say(page, server, HOSTILE, speaker="<b>Vera</b>")
    server.model.mode = Mode.NO_QUOTA
    await say(page, server, QUESTION, at=5.0)
    server.model.mode = Mode.NORMAL

    await page.goto("/metrics-dashboard")
    await page.locator("#queue-body").get_by_role("link", name="dead").first.click()
    await expect(page.get_by_role("combobox", name="State")).to_have_value("dead")
    await page.get_by_role("rowheader").get_by_role("link").click()
    await expect(page.get_by_text("Dead after 1 of")).to_be_visible()
    await expect(page.get_by_text("UpstreamRejectedError").first).to_be_visible()
    await expect(page.get_by_text("job attempt failed")).to_be_visible()
    assert "moon" not in await page.content()
    await page.get_by_role("button", name="Reveal the text").click()
    await expect(page.get_by_text("how far is the moon?").first).to_be_visible()
    recorded = await (await page.request.get("/operator/events", headers=server.as_operator)).json()
    assert [one["action"] for one in recorded["events"]] == ["show_text"]

    await page.get_by_role("button", name="Retry").click()
    await expect(page.get_by_role("button", name="Retry")).to_have_count(0)
    await page.get_by_role("link", name="omi:ada").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Transcript of omi:ada")
    await expect(page.get_by_text(HOSTILE)).to_be_visible()
    await expect(page.get_by_text("<b>Vera</b>")).to_be_visible()
    assert "taken" not in await page.title()
    await expect(page.locator("article.question")).to_contain_text("how far is the moon?")
    await expect(page.locator("article.failure")).to_contain_text("sent in the webhook’s reply")
    await page.get_by_role("link", name="Timeline").first.click()
    await expect(page.get_by_role("rowheader", name="committed")).to_be_visible()


async def test_pages_of_jobs_and_transcripts_fit_a_phone_and_hinder_nobody(open_page, operator_page, server):
    await say(operator_page, server, "A word of " + "W" * 300, at=9.0)
    listed = await (await operator_page.request.get("/operator/queue/jobs", headers=server.as_operator)).json()
    places = ["/operator/queue/jobs", f"/operator/queue/jobs/{listed['jobs'][0]['id']}", "/transcript/ada?limit=2"]
    page = await open_page(bypass_csp=True, color_scheme="dark", **PHONE)
    await page.context.add_cookies(await operator_page.context.cookies())
    for place in places:
        await page.goto(place)
        is_wide = await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        assert (place, is_wide, await find_barriers(page)) == (place, False, [])

    await page.get_by_role("link", name="Earlier").first.click()
    await page.get_by_role("link", name="Latest").first.click()
    await expect(page.get_by_text("WWW")).to_be_visible()


async def test_dashboard_says_at_once_that_it_is_signed_out_without_an_error_on_the_console(operator_page):
    await operator_page.goto("/metrics-dashboard")
    await operator_page.get_by_text("Live, as of").wait_for()

    await operator_page.request.post("/operator/sign-out")

    await expect(operator_page.locator("#state")).to_have_text("You are signed out")
    await operator_page.reload()
    await expect(operator_page.get_by_role("heading", level=1)).to_have_text("This is for the operator")
