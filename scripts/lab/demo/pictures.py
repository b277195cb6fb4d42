"""The README's pictures: the operator's page by day and night, and the person's page, in Chromium.

Not here: the demo that they show (world.py). Threads: one event loop.
"""

import os
import shutil
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, Page, ViewportSize, async_playwright

from scripts.lab.demo.story import EMAIL, PASSWORD
from scripts.lab.demo.world import World
from scripts.lab.replay.server_process import ServerFailedError

Scheme = Literal["light", "dark"]
_SCHEMES: tuple[Scheme, ...] = ("light", "dark")
_SIZE: ViewportSize = {"width": 1120, "height": 760}
_FLAGS = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
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
    page = await _open(browser, "light")
    await page.goto(f"{world.url}/")
    await page.get_by_label("Email").first.fill(EMAIL)
    await page.get_by_label("Password").first.fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").first.click()
    await _shoot(page, file)


async def _open(browser: Browser, scheme: Scheme) -> Page:
    context = await browser.new_context(viewport=_SIZE, color_scheme=scheme)
    return await context.new_page()


async def _shoot(page: Page, file: Path) -> None:
    await page.wait_for_timeout(_SETTLE_MS)
    await page.screenshot(path=file)
    await page.context.close()
