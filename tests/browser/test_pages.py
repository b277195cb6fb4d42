"""The base of the browser's tests: the start page is seen, and a page that complains fails its test."""

import pytest

from tests.browser.conftest import Watch

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_start_page_is_seen_by_everybody_and_has_the_operators_part_for_the_operator(page, operator_page):
    await page.goto("/")

    assert await page.get_by_role("heading", level=1).inner_text() == "Omi Actors"
    assert await operator_page.get_by_text("You are signed in as the operator").is_visible()


async def test_error_on_the_console_and_request_to_another_server_are_complaints(browser, server):
    watch = Watch(server.url)
    context = await browser.new_context(base_url=server.url)
    watch.follow(context)
    page = await context.new_page()

    await page.goto("/")
    await page.evaluate("console.error('broken'); fetch('http://127.0.0.1:9/').catch(() => 0)")
    async with page.expect_event("pageerror"):
        await page.evaluate("setTimeout(() => { throw new Error('thrown') })")
    await context.close()
    watch.expect("broken")

    assert [text for text in watch.unexpected() if "thrown" in text]
    assert [text for text in watch.unexpected() if "http://127.0.0.1:9/" in text]
    assert not [text for text in watch.unexpected() if "broken" in text]
