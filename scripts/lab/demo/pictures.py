"""The README's pictures: the operator's page by day and night, and the person's page, in Chromium.

Not here: the demo that they show (world.py). Threads: one event loop.
"""

import os
import shutil
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, Page, ViewportSize, async_playwright

from scripts.lab.demo.story import EMAIL, PASSWORD, TYPED
from scripts.lab.demo.world import World
from scripts.lab.replay.server_process import ServerFailedError

Scheme = Literal["light", "dark"]
_SCHEMES: tuple[Scheme, ...] = ("light", "dark")
_SIZE: ViewportSize = {"width": 1240, "height": 980}
# Pixels of the picture by those of the page: the README shows it small, and it shall stay below 150 kB.
_SCALE = 0.75
_FLAGS = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
_MIDDLE = (_SIZE["width"] / 2, _SIZE["height"] / 2)
# Pixels beyond the end of a conversation.
_FAR = 10_000
# Milliseconds until a page shows its live figures.
_SETTLE_MS = 3_000


async def take_pictures(world: World, folder: Path) -> None:
    """Write dashboard-light.png, dashboard-dark.png and people.png. Chromium: $CHROMIUM, or `chromium` on the PATH."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if path is None:
        raise ServerFailedError("no Chromium: install it (Debian: apt-get install chromium), or name it in $CHROMIUM")
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=[*_FLAGS, *sandbox])
        for scheme in _SCHEMES:
            await _take_dashboard(browser, world, folder / f"dashboard-{scheme}.png", scheme)
        await _take_people(browser, world, folder / "people.png")
        await browser.close()


async def _take_dashboard(browser: Browser, world: World, file: Path, scheme: Scheme) -> None:
    page = await _open(browser, scheme)
    await page.goto(await world.make_link())
    await page.goto(f"{world.url}/metrics-dashboard")
    await _shoot(page, file)


async def _take_people(browser: Browser, world: World, file: Path) -> None:
    for question in TYPED:
        talk = await world.person.ask(question)
    page = await _open(browser, "light")
    await page.goto(f"{world.url}/#/talk/{talk}")
    await page.get_by_role("button", name="I have an account").click()
    await page.get_by_label("Email").fill(EMAIL)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_text("Sources").last.click()
    await page.mouse.move(*_MIDDLE)
    await page.mouse.wheel(0, _FAR)
    await _shoot(page, file)


async def _open(browser: Browser, scheme: Scheme) -> Page:
    context = await browser.new_context(viewport=_SIZE, color_scheme=scheme, device_scale_factor=_SCALE)
    return await context.new_page()


async def _shoot(page: Page, file: Path) -> None:
    await page.wait_for_timeout(_SETTLE_MS)
    await page.screenshot(path=file)
    await page.context.close()
