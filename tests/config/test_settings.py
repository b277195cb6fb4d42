"""Settings: defaults, spellings, refusals."""

from pathlib import Path

import pytest

from config.settings import InvalidSettingError, Settings, load_settings, masked, variables_of


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for field in Settings.model_fields.values():
        for name in variables_of(field):
            monkeypatch.delenv(name, raising=False)


# The shortest that production takes.
TOKEN = "k" * 24


def problems_of(**overrides):
    with pytest.raises(InvalidSettingError) as caught:
        load_settings(overrides=overrides)
    return caught.value.problems


def test_defaults_serve_on_loopback_port_3000():
    settings = load_settings()

    assert (settings.host, settings.port, settings.is_loopback) == ("127.0.0.1", 3000, True)
    assert settings.max_request_size == 10 * 1024 * 1024


def test_units_are_seconds_inside_and_milliseconds_at_the_edge():
    settings = load_settings(overrides={"OPENAI_TIMEOUT": "1500", "WEBHOOK_REPLY_DEADLINE_MS": "250"})

    assert (settings.openai_timeout_s, settings.webhook_reply_deadline_s) == (1.5, 0.25)


def test_empty_variable_means_unset(monkeypatch):
    monkeypatch.setenv("PORT", "")
    monkeypatch.setenv("ADMIN_TOKEN", "  ")

    settings = load_settings()

    assert settings.port == 3000
    assert settings.admin_token is None


@pytest.mark.parametrize(
    ("text", "size"),
    [("10mb", 10485760), ("512 kB", 524288), ("1.5mib", 1572864), ("1048576", 1048576), ("1GB", 1073741824)],
)
def test_sizes_may_be_written_with_units(text, size):
    assert load_settings(overrides={"MAX_REQUEST_SIZE": text}).max_request_size == size


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "abc"),
        ("PORT", "70000"),
        ("MAX_REQUEST_SIZE", "ten"),
        ("MAX_REQUEST_SIZE", "1"),
        ("LOG_LEVEL", "loud"),
        ("APP_ENV", "prod"),
        ("OPENAI_TIMEOUT", "-1"),
        ("OPENAI_BASE_URL", "ftp://x"),
        ("NODE_NAME", "a b"),
        ("OPENAI_TEMPERATURE", "3"),
        ("OPENAI_MAX_CONTEXT_TOKENS", "0"),
        ("OPENAI_WEBHOOK_MAX_TOKENS", "0"),
        ("OPENAI_REASONING_EFFORT", "enormous"),
        ("OPENAI_HISTORY_MESSAGES", "-1"),
        ("OPENAI_STORE_RESPONSES", "perhaps"),
        ("OPENAI_FALLBACK_MODELS", "a,b,c,d,e"),
        ("OMI_BREAKER_FAILURES", "0"),
        ("OMI_BREAKER_PAUSE_CAP_MS", "0"),
        ("MODEL_BREAKER_FAILURES", "0"),
        ("MODEL_BREAKER_PAUSE_MS", "0"),
    ],
)
def test_impossible_value_is_refused_in_a_sentence_that_names_it(name, value):
    (problem,) = problems_of(**{name: value})

    assert problem.startswith(f"{name} ")
    assert "Correct it, or leave it out." in problem


def test_all_problems_are_reported_at_once():
    assert len(problems_of(PORT="x", LOG_LEVEL="loud")) == 2


def test_misspelt_override_is_refused():
    assert problems_of(PROT="1") == ("PROT is not a setting; do you mean PORT? See config/example.env.",)


def test_refusal_does_not_quote_what_was_given():
    (problem,) = problems_of(ADMIN_TOKEN=["tell-nobody"])

    assert "tell-nobody" not in problem


def test_production_refuses_to_start_without_its_secrets():
    admin, webhook = problems_of(APP_ENV="production")

    assert admin.startswith("ADMIN_TOKEN is not set")
    assert "WEBHOOK_TOKEN" in webhook
    assert "OMI_SIGNING_SECRETS" in webhook
    assert "Make one with" in admin


SEVERAL = {"PROCESSES": "4", "DATABASE_URL": "postgres://h/omi", "REDIS_URL": "redis://h"}


def test_several_processes_need_postgresql_and_redis_and_say_so():
    (sqlite,) = problems_of(PROCESSES="4", REDIS_URL="redis://h")
    (alone,) = problems_of(PROCESSES="4", DATABASE_URL="postgres://h/omi")

    assert sqlite.startswith("PROCESSES is 4, and one process has an SQLite file. Set DATABASE_URL to a PostgreSQL")
    assert alone.startswith("PROCESSES is 4, and they reach each other by Redis. Set REDIS_URL")


def test_several_processes_have_no_address_of_one():
    (problem,) = problems_of(**SEVERAL, NODE_ADDRESS="10.0.0.1:3000")

    assert problem.startswith("PROCESSES is 4, and NODE_ADDRESS names one process. Leave it out")
    assert load_settings(overrides=SEVERAL).processes == 4


def test_node_names_of_all_processes_must_be_possible():
    (problem,) = problems_of(**SEVERAL, NODE_NAME="n" * 63)

    assert problem.startswith("NODE_NAME is too long: nnn")
    assert load_settings(overrides={**SEVERAL, "NODE_NAME": "n" * 62}).processes == 4


@pytest.mark.parametrize(("given", "missing"), [("OMI_APP_ID", "OMI_APP_SECRET"), ("OMI_APP_SECRET", "OMI_APP_ID")])
def test_half_of_what_notifications_need_is_refused(given, missing):
    (problem,) = problems_of(**{given: "x"})

    assert problem.startswith(f"{missing} is not set")


@pytest.mark.parametrize("secret", [{"WEBHOOK_TOKEN": TOKEN}, {"OMI_SIGNING_SECRETS": "whsec_a, whsec_b"}])
def test_production_starts_with_either_webhook_secret(secret):
    settings = load_settings(overrides={"NODE_ENV": "production", "ADMIN_TOKEN": TOKEN, **secret})

    assert settings.is_production
    assert settings.host == "0.0.0.0"  # noqa: S104 (what production is for)
    assert not settings.is_loopback


@pytest.mark.parametrize("variable", ["ADMIN_TOKEN", "WEBHOOK_TOKEN", "METRICS_TOKEN"])
def test_production_refuses_a_token_that_can_be_guessed(variable):
    given = {"ADMIN_TOKEN": TOKEN, "WEBHOOK_TOKEN": TOKEN, "METRICS_TOKEN": TOKEN, variable: TOKEN[:-1]}

    (problem,) = problems_of(APP_ENV="production", **given)

    assert problem.startswith(f"{variable} has 23 characters, and production needs at least 24")
    assert "Make one with" in problem
    assert TOKEN[:-1] not in problem


def test_development_takes_a_short_token():
    assert load_settings(overrides={"ADMIN_TOKEN": "a"}).admin_token is not None


def test_signing_secrets_are_a_comma_list():
    settings = load_settings(overrides={"OMI_SIGNING_SECRETS": "whsec_a, whsec_b,"})

    assert [secret.get_secret_value() for secret in settings.omi_signing_secrets] == ["whsec_a", "whsec_b"]


def test_alias_of_the_document_is_read(monkeypatch):
    monkeypatch.setenv("OPENAI_KEY", "sk-x")

    settings = load_settings()

    assert settings.openai_api_key is not None
    assert settings.openai_api_key.get_secret_value() == "sk-x"


def test_overrides_win_over_environment_and_that_over_the_file(tmp_path: Path, monkeypatch):
    (tmp_path / ".env").write_text("PORT=1001\nOPENAI_MODEL=from-file\nHOST=::1\n")
    monkeypatch.setenv("OPENAI_MODEL", "from-environment")
    monkeypatch.setenv("PORT", "1002")

    settings = load_settings(tmp_path / ".env", {"PORT": "1003"})

    assert (settings.port, settings.openai_model, settings.host) == (1003, "from-environment", "::1")
    assert settings.is_loopback


def test_masked_print_out_shows_whether_a_secret_is_set_but_never_it():
    settings = load_settings(
        overrides={"ADMIN_TOKEN": "t0p", "DATABASE_URL": "postgres://u:t0p@h/db", "OMI_SIGNING_SECRETS": "t0p"}
    )

    shown = masked(settings)

    assert "t0p" not in str(shown)
    assert "t0p" not in repr(settings)
    assert (shown["ADMIN_TOKEN"], shown["WEBHOOK_TOKEN"], shown["PORT"]) == ("set", "not set", "3000")


def test_every_setting_has_a_description():
    assert all(field.description for field in Settings.model_fields.values())


def test_spoken_questions_have_their_own_timeout_only_when_it_is_given():
    settings = load_settings(overrides={"OPENAI_TIMEOUT": "9000"})
    own = load_settings(overrides={"OPENAI_TIMEOUT": "9000", "OPENAI_WEBHOOK_TIMEOUT": "8000"})

    assert (settings.openai_webhook_timeout_s, own.openai_webhook_timeout_s, own.openai_timeout_s) == (9.0, 8.0, 9.0)
