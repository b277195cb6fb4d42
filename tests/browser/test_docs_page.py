"""The page of the interface in a browser: search, copy, try; by keyboard, on a phone, in both colour schemes."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PHONE, find_barriers
from tests.canaries import PASSWORD

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def open_route(page, name):
    """Open the part of one request, as a link to it does."""
    await page.goto(f"/docs#{name}")
    route = page.locator(f"#{name}")
    await expect(route.get_by_role("button", name="Send")).to_be_visible()
    return route


async def test_person_finds_a_request_copies_it_and_tries_it_with_their_sign_in(open_page):
    page = await open_page(permissions=["clipboard-read", "clipboard-write"])
    form = {"email": "docs@example.com", "password": PASSWORD}
    token = (await (await page.request.post("/auth/register", data=form)).json())["session_token"]
    await page.goto("/docs")
    await expect(page.locator("#count")).to_contain_text("requests")
    await page.keyboard.press("/")
    await page.keyboard.type("post memories")
    await expect(page.locator("#post_memories")).to_be_visible()
    await expect(page.locator("#get_stats")).to_be_hidden()

    route = await open_route(page, "post_memories")
    await route.get_by_role("button", name="Copy command").click()
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("curl -X POST 'http://")
    assert copied.endswith("""--data-raw '{"text":"I like green tea"}'""")
    assert "Bearer $OMI_TOKEN" in copied
    await route.get_by_role("button", name="Send POST").press("Enter")
    await expect(route.get_by_role("status")).to_contain_text("201")
    await expect(route.get_by_label("Reply")).to_contain_text("I like green tea")

    await page.context.clear_cookies()
    route = await open_route(page, "get_memories")
    await page.get_by_label("Token").fill(token)
    await route.get_by_label("search", exact=True).fill("tea")
    await route.get_by_role("button", name="Send GET").click()
    await expect(route.get_by_label("Reply")).to_contain_text("I like green tea")
    assert token not in await route.get_by_label("Command").inner_text()


async def test_stream_is_shown_as_it_comes_and_is_stopped(open_page):
    page = await open_page()
    await page.request.post("/auth/register", data={"email": "stream@example.com", "password": PASSWORD})
    route = await open_route(page, "get_conversations_current_stream")

    await route.get_by_role("button", name="Send GET").click()
    await expect(route.get_by_label("Reply")).to_contain_text("connected")
    await route.get_by_role("button", name="Stop").click()
    await expect(route.get_by_role("status")).to_have_text("Stopped")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_page_has_no_barriers_and_fits_a_phone(open_page, scheme):
    page = await open_page(color_scheme=scheme, bypass_csp=True, **PHONE)
    await open_route(page, "post_memories")

    assert await find_barriers(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
