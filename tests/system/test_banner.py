"""What the server says once it serves, to people and to programs."""

import pytest

from config.settings import load_with_origins
from omi_actors.cli.banner import Facts, describe, render_banner
from omi_actors.cli.server import build_model
from omi_actors.clients.model import DemoModel

TOKEN = "a-token-that-nobody-guesses"  # noqa: S105 (invented)


@pytest.fixture
def facts(tmp_path):
    def build(link=None, **variables):
        (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
        loaded = load_with_origins(tmp_path / ".env", {"DATA_DIR": str(tmp_path)}, {})
        model = build_model(loaded.settings)
        known = {"loaded": loaded, "model": model.name, "is_demo": model.provider == "demo", "operator_link": link}
        return Facts(**known, port=3000, ready_s=0.2, event_loop="uvloop")

    return build


def test_env_file_and_what_has_no_effect_are_shown(facts, tmp_path):
    seen = render_banner(facts(OPENAI_MODEL="gpt-5-mini", QUEUE_PROCESSING_INTERVAL="50"))

    assert f"{tmp_path / '.env'}, variables set: 1" in seen  # DATA_DIR came by an option
    assert "  ! QUEUE_PROCESSING_INTERVAL has no effect: A job starts as soon" in seen


def test_real_model_is_named(facts):
    seen = render_banner(facts(OPENAI_API_KEY="sk-tell-nobody", OPENAI_MODEL="gpt-5-mini"))

    assert "  Model         gpt-5-mini\n" in seen
    assert "DEMO" not in seen
    assert "sk-tell-nobody" not in seen


def test_banner_names_what_is_switched_off(facts):
    notifies = {"OMI_APP_ID": "a", "OMI_APP_SECRET": "s"}

    seen = render_banner(facts(ENABLE_CONTEXT_ACTIVATION="no", ENABLE_BACKGROUND_QUEUE="no", **notifies))

    assert "  Speech        kept, and never answered: ENABLE_CONTEXT_ACTIVATION is off\n" in seen
    assert "  Late answers  at the next contact: ENABLE_BACKGROUND_QUEUE is off\n" in seen
    assert "Speech" not in render_banner(facts())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "everybody may make one (REGISTRATION=open)"),
        ({"REGISTRATION": "link"}, "by a link from `omi-actors user invite`"),
        ({"REGISTRATION": "closed"}, "by `omi-actors user create` only"),
        ({"ENABLE_USER_SYSTEM": "no"}, "none: ENABLE_USER_SYSTEM is off"),
    ],
)
def test_banner_says_who_may_make_an_account(given, words, facts):
    assert f"  Accounts      {words}\n" in render_banner(facts(**given))


def test_signed_webhook_has_no_token_in_its_address(facts):
    seen = render_banner(facts(OMI_SIGNING_SECRETS="whsec_tell-nobody", WEBHOOK_TOKEN=TOKEN))

    assert "/omi-webhook  (signed" in seen
    assert TOKEN not in seen
    assert "whsec" not in seen


def test_operators_link_is_shown_where_there_is_one(facts):
    seen = render_banner(facts("http://localhost:3000/once/x"))

    assert "Open first    http://localhost:3000/once/x  (works once" in seen
    assert seen.index("Open first") < seen.index("Dashboard")  # which would refuse a browser that is not signed in
    assert "Open first" not in render_banner(facts())


def test_address_opens_in_a_browser_whatever_is_listened_on(facts):
    seen = render_banner(facts(HOST="0.0.0.0", PORT="3000"))  # noqa: S104 (what production has)

    assert "http://localhost:3000/health" in seen
    assert "//0.0.0.0" not in seen


def test_token_with_odd_characters_is_one_in_the_address(facts):
    odd = {"WEBHOOK_TOKEN": "'a&b c'"}

    assert "token=a%26b%20c " in render_banner(facts(**odd))


def test_metrics_that_are_switched_off_are_not_shown(facts):
    assert "/metrics" not in render_banner(facts(ENABLE_METRICS="off"))


def test_line_for_programs_has_the_facts_and_no_secret(facts, tmp_path):
    said = describe(facts(WEBHOOK_TOKEN=TOKEN, ADMIN_TOKEN=TOKEN, DATABASE_URL="postgres://u:tell-nobody@h/db"))

    assert said["env_file"] == str(tmp_path / ".env")
    assert (said["database"], said["model"], said["demo"]) == ("postgres", DemoModel.name, True)
    assert TOKEN not in str(said)
    assert "tell-nobody" not in str(said)


@pytest.mark.parametrize(
    ("url", "database", "row"),
    [
        ("postgres://u@h/db", "postgres", "PostgreSQL (DATABASE_URL)"),
        ("file:./dev.db", "sqlite", "SQLite (DATABASE_URL)"),
        ("sqlite:///dev.db", "sqlite", "SQLite (DATABASE_URL)"),
        ("", "sqlite", "SQLite in "),
    ],
)
def test_database_is_named_by_its_kind(facts, url, database, row):
    assert describe(facts(DATABASE_URL=url))["database"] == database
    assert row in render_banner(facts(DATABASE_URL=url))
