"""A browser against the real program: one Chromium for a worker's session, one server for a file of tests.

Tests here are async, on the loop of the session: `pytestmark = pytest.mark.asyncio(loop_scope="session")`. A file that
needs other settings, or the demo model, overrides the fixtures `settings` and `model`.
"""

import os
import shutil
from dataclasses import dataclass

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import async_playwright

from omi_actors.clock import SystemClock
from scripts.lab.replay.http import Target
from scripts.lab.replay.server_process import ServerProcess, build_server
from tests.fakes.openai_server import FakeOpenAI, listening_fake

NO_CHROMIUM = "no Chromium: install it (Debian: apt-get install chromium), or name it in $CHROMIUM"
# Chromium asks servers of its maker on its own; a test's machine may have no way out.
FLAGS = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
# A page that has not done what it should by then, on two loaded cores, does not do it.
PATIENCE_MS = 10_000
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def find_chromium():
    """Return the browser's path: that of $CHROMIUM, else `chromium` on the PATH."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if path is None or shutil.which(path) is None:
        pytest.fail(NO_CHROMIUM, pytrace=False)
    return path


async def find_barriers(page):
    """Return what axe-core finds serious on a page. Open it with `bypass_csp=True`."""
    found = (await Axe().run(page)).response["violations"]
    serious = [one for one in found if one["impact"] in {"serious", "critical"}]
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in serious]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser():
    """One Chromium. As root it has no sandbox, which Chromium refuses to root."""
    path = find_chromium()
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=[*FLAGS, *sandbox])
        yield browser
        await browser.close()


@pytest.fixture(scope="module")
def settings():
    """Settings of the server beside those of development, by their variables."""
    return {}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def model():
    """A fake model, which repeats the question. Overridden by None, the server has its demo model."""
    async with listening_fake() as fake:
        yield fake


@dataclass
class Server:
    """The running program: its process, its address with the operator's token, its model (None: the demo model)."""

    process: ServerProcess
    target: Target
    model: FakeOpenAI | None

    @property
    def url(self):
        return f"http://{self.target.host}:{self.target.port}"

    @property
    def as_operator(self):
        """Return the headers of a request of the operator's."""
        return {"Authorization": f"Bearer {self.target.admin_token}"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory, model, settings):
    """The program on SQLite, ready."""
    folder = tmp_path_factory.mktemp("server")
    model_url = "" if model is None else model.url
    process, target = build_server(folder, clock=SystemClock(), model_url=model_url, extra=settings)
    await process.start()
    yield Server(process, target, model)
    process.kill()


class Watch:
    """Everything that the pages of a test said on their consoles, and their requests to other servers."""

    def __init__(self, url):
        self.url = url
        self.complaints = []
        self._expected = []

    def follow(self, context):
        """Watch all pages of a browser's context."""
        context.on("console", lambda message: self._hear(message.type, message.text))
        context.on("weberror", lambda error: self._hear("error", str(error.error)))
        context.on("request", self._note)

    def expect(self, part):
        """Take a complaint that has this text, such as `401`, for wanted: the browser itself tells of each refusal."""
        self._expected.append(part)

    def unexpected(self):
        """Return what nothing in the test asked for."""
        return [text for text in self.complaints if not any(part in text for part in self._expected)]

    def _hear(self, kind, text):
        if kind in {"error", "warning"}:
            self.complaints.append(f"{kind}: {text}")

    def _note(self, request):
        if not request.url.startswith((f"{self.url}/", "data:", "blob:")):
            self.complaints.append(f"foreign request: {request.url}")


@pytest.fixture
def watch(server):
    """Fail a test whose pages complained on the console or asked another server."""
    watch = Watch(server.url)
    yield watch
    assert not watch.unexpected()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser, server, watch):
    """Open a page in a context of its own: `await open_page(color_scheme="dark", **PHONE)`. Addresses begin with /."""
    contexts = []

    async def open_one(**options):
        context = await browser.new_context(base_url=server.url, **options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        watch.follow(context)
        return await context.new_page()

    yield open_one
    for context in contexts:
        await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(open_page):
    """A page of a browser that was never here."""
    return await open_page()


@pytest_asyncio.fixture(loop_scope="session")
async def operator_page(open_page, server):
    """A page of a browser that is signed in as the operator."""
    page = await open_page()
    link = await (await page.request.post("/operator/links", headers=server.as_operator)).json()
    await page.goto(link["path"])
    return page
