"""What the documents say is there is there, and what is there is in the documents."""

import re
from pathlib import Path

import pytest

from config.not_taken import NOT_TAKEN
from config.settings import load_settings
from config.variables import all_variables
from omi_actors.clock import SystemClock
from omi_actors.store.engine import DATABASE_FILE
from omi_actors.store.original.source import LEFT_OUT, TABLES
from scripts.lab.docs.pages import PAGES, build_metrics_page
from tests.canaries import ADMIN_TOKEN, WEBHOOK_TOKEN
from tests.web.fake_system import FakeSystem
from web.app import build_application
from web.site import Site

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LINKS = set(re.findall(r"\]\([^)#]+\)", README + (ROOT / "docs" / "architecture.md").read_text()))
every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)

VARIABLES = {*all_variables(), *NOT_TAKEN}
# Words in capitals that are no settings: placeholders, and a value of Omi's.
OTHERS = {
    *("YOUR_HOST", "YOUR_TOKEN", "SPEAKER_00", "_OMI_ACTORS_COMPLETE", "OMI_ACTORS_COMPLETE"),
    "POSTGRES_PASSWORD",
    "ORIGINAL_DATABASE_URL",
    "OTEL_EXPORTER_OTLP_HEADERS",
    *("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
}

# A page with all of them loads in a second on a slow line.
MOST_PICTURE_BYTES = 150_000

# Names of ours that are no metrics: the chat's cookie.
NO_METRICS = {"omi_chat"}


def settings(**given):
    return load_settings(overrides={"ADMIN_TOKEN": ADMIN_TOKEN, "WEBHOOK_TOKEN": WEBHOOK_TOKEN, **given})


def blocks(path, language):
    """Return the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)


@every_document
def test_database_file_has_its_name(document):
    assert set(re.findall(r"DATA_DIR/(omi\.\w+)", document.read_text())) <= {DATABASE_FILE}


@every_document
def test_files_that_a_document_names_exist(document):
    named = re.findall(r"`((?:omi_actors|web|config|scripts|tests|docs)/[\w/.]+)`", document.read_text())

    assert [path for path in named if not any((ROOT / base / path).exists() for base in (".", "tests"))] == []


def test_files_of_the_architecture_exist():
    named = re.findall(r"`([a-z]\w*(?:/\w+)*\.py)`", (ROOT / "docs" / "architecture.md").read_text())

    assert named
    assert [path for path in named if not any((ROOT / room / path).exists() for room in ("omi_actors", "."))] == []


@every_document
def test_links_within_the_documents_lead_somewhere(document):
    links = re.findall(r"\]\((?!https?://)([^)#]+)", document.read_text())

    assert [link for link in links if not (document.parent / link).exists()] == []


def test_pictures_of_the_readme_exist_and_are_small():
    named = {ROOT / name for name in re.findall(r"docs/pictures/[\w.-]+", README)}

    assert named == set((ROOT / "docs" / "pictures").iterdir())
    assert [file.name for file in named if file.stat().st_size > MOST_PICTURE_BYTES] == []


def test_every_document_is_found_from_the_readme():
    assert [path.name for path in DOCUMENTS[2:] if not {f"](docs/{path.name})", f"]({path.name})"} & LINKS] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_page_that_is_made_from_the_program_is_current(page):
    assert page.read_text(encoding="utf-8") == PAGES[page](), "run: scripts/docs"


@every_document
def test_metrics_that_a_document_names_exist(document):
    known = set(re.findall(r"`(omi_[a-z_]+)`", build_metrics_page()))
    named = re.findall(r"`(omi_[a-z_]+?)(?:\{[^`]*\})?`", document.read_text())

    assert {name for name in named if not (ROOT / name).is_dir()} - NO_METRICS <= known


@every_document
def test_settings_that_a_document_names_exist(document):
    text = document.read_text()
    named = re.findall(r"(?<![\w$./-])([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b", text)

    assert set(named) - VARIABLES - OTHERS == set()


def routes_served():
    site = Site(FakeSystem(), settings(), SystemClock())
    return {rule.target.route for rule in build_application(site).wildcard_router.rules}


def routes_told():
    table = (ROOT / "docs" / "routes.md").read_text()
    firsts = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return {path.strip("`").split()[-1].partition("?")[0] for cell in firsts for path in re.findall(r"`[^`]+`", cell)}


def test_every_route_is_told_and_no_other():
    served, told = (
        {re.sub(r":\w+", ":name", route) for route in routes} for routes in (routes_served(), routes_told())
    )

    assert told == served


@pytest.mark.parametrize("block", [*blocks(ROOT / "README.md", "ini"), blocks(ROOT / "docs" / "deploy.md", "ini")[0]])
def test_settings_files_of_the_documents_are_taken(block, tmp_path, monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "env").write_text(block)

    taken = load_settings(tmp_path / "env", {"ADMIN_TOKEN": ADMIN_TOKEN, "WEBHOOK_TOKEN": WEBHOOK_TOKEN})

    names = [line.partition("=")[0] for line in block.splitlines() if line and not line.startswith("#")]
    assert names
    assert set(names) <= VARIABLES
    assert taken.is_production == ("APP_ENV=production" in block)


def test_the_page_about_moving_over_names_every_table_and_every_variable_without_effect():
    page = (ROOT / "docs" / "migrating.md").read_text()
    tables = re.findall(r"^\| `([A-Z][a-z]+\w+)` \|", page, re.MULTILINE)

    assert {table.name for table in TABLES} | {*LEFT_OUT} == {*tables}
    assert [name for name in NOT_TAKEN if f"`{name}`" not in page] == []
