"""One request and one webhook in a browser: from an error to its timeline, from the list to the revealed text."""

import json

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PHONE

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = "<script>document.title = 'taken'</script> <img src=x onerror=\"document.title = 'taken'\"> said Ada"


async def say(page, server, text, uid="ada"):
    """Send a webhook and return its request's id."""
    reply = await page.request.post(
        f"/omi-webhook?token={server.target.token}&uid={uid}",
        headers={"Content-Type": "application/json"},
        data=json.dumps({"segments": [{"id": text[:9], "text": text, "is_user": True, "start": 1, "end": 2}]}),
    )
    return reply.headers["x-request-id"]


async def test_error_leads_the_operator_to_its_timeline(operator_page, server, watch):
    watch.expect("404")
    await operator_page.goto("/transcript/nobody-of-this-name")
    await operator_page.get_by_role("link", name="its timeline").click()

    await expect(operator_page.get_by_role("heading", level=1)).to_contain_text("Request")
    await expect(operator_page.get_by_text("NotFoundError")).to_be_visible()
    await expect(operator_page.get_by_role("rowheader", name="replied")).to_be_visible()


async def test_timeline_is_found_from_the_dashboards_errors(operator_page, server):
    await operator_page.request.post(
        f"/omi-webhook?token={server.target.token}&uid=ada", headers={"Content-Type": "application/json"}, data=b"{not"
    )
    await operator_page.goto("/metrics-dashboard")
    row = operator_page.get_by_role("row", name="MalformedJsonError")
    await row.get_by_role("link").first.click()

    await expect(operator_page.get_by_text("Answered with 400")).to_be_visible()


async def test_question_has_its_stages_as_bars_in_light_dark_and_on_a_phone(open_page, operator_page, server):
    request_id = await say(operator_page, server, "Hey Omi, what's the time?")
    cookies = await operator_page.context.cookies()
    for options in ({}, {"color_scheme": "dark"}, PHONE):
        page = await open_page(**options)
        await page.context.add_cookies(cookies)
        await page.goto(f"/metrics-dashboard/requests/{request_id}")
        await expect(page.get_by_role("rowheader", name="committed")).to_be_visible()
        await expect(page.get_by_role("rowheader", name="answer begins")).to_be_visible()
        too_wide = await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        assert not too_wide


async def test_text_of_a_webhook_is_revealed_as_text_and_replayed(operator_page, server):
    page = operator_page
    request_id = await say(page, server, HOSTILE)
    await page.goto(f"/metrics-dashboard/webhooks/{request_id}")
    assert "said Ada" not in await page.content()

    await page.get_by_role("button", name="Reveal the text").click()
    await expect(page.get_by_text("said Ada").first).to_be_visible()
    assert "taken" not in await page.title()
    assert "$WEBHOOK_TOKEN" in await page.content()
    await page.get_by_role("button", name="Replay into a scratch session").click()
    await expect(page.get_by_role("link", name="its transcript")).to_be_visible()
    await page.get_by_role("link", name="The replay's timeline").click()
    await expect(page.get_by_role("rowheader", name="committed")).to_be_visible()
