"""Origin of each value, and names that resemble a setting."""

import pytest

from config.settings import InvalidSettingError, Origin, load_with_origins

DOCUMENT = """
# Server Configuration
PORT=3000
HOST=0.0.0.0
NODE_ENV=development

# Logging
LOG_LEVEL=info
ENABLE_FILE_LOGGING=false
LOG_DIR=./logs

# Features
ENABLE_USER_SYSTEM=true
ENABLE_CONTEXT_ACTIVATION=true
ENABLE_BACKGROUND_QUEUE=true
ENABLE_METRICS=true

# Performance
SLOW_REQUEST_THRESHOLD=1000
MAX_REQUEST_SIZE=10mb

# Queue Settings
QUEUE_BATCH_SIZE=50
QUEUE_MAX_CONCURRENT_JOBS=10
QUEUE_MAX_RETRIES=3

# OpenAI
OPENAI_API_KEY=sk-invented
OPENAI_MODEL=gpt-5-mini-2025-08-07
OPENAI_TIMEOUT=20000
"""


@pytest.fixture
def env_file(tmp_path):
    def write(text):
        (tmp_path / ".env").write_text(text, encoding="utf-8")
        return tmp_path / ".env"

    return write


def problems_of(file=None, environment=None, **options):
    with pytest.raises(InvalidSettingError) as caught:
        load_with_origins(file, options, environment or {})
    return caught.value.problems


def test_each_value_says_where_it_came_from(env_file):
    file = env_file("PORT=1\nHOST=::1\nLOG_LEVEL=warn\n")

    read = load_with_origins(file, {"PORT": "3"}, {"HOST": "localhost", "LOG_LEVEL": " "})

    said = {name: read.origins[name] for name in ("PORT", "HOST", "LOG_LEVEL", "APP_ENV")}
    assert said == {
        "PORT": Origin.OPTION,
        "HOST": Origin.ENVIRONMENT,
        "LOG_LEVEL": Origin.ENV_FILE,
        "APP_ENV": Origin.DEFAULT,
    }
    assert (read.settings.port, read.settings.host, read.settings.log_level) == (3, "localhost", "warn")
    assert read.env_file is not None
    assert read.env_file.path == file


def test_other_name_in_the_environment_wins_over_the_proper_one_in_the_file(env_file):
    read = load_with_origins(
        env_file("APP_ENV=development\n"),
        {"ADMIN_TOKEN": "a" * 24, "WEBHOOK_TOKEN": "b" * 24},
        {"NODE_ENV": "production"},
    )

    assert read.settings.is_production


def test_file_that_is_not_there_is_no_file(tmp_path):
    assert load_with_origins(tmp_path / ".env", None, {}).env_file is None


@pytest.mark.parametrize(
    ("name", "right"),
    [("OPENAI_API_KY", "OPENAI_API_KEY"), ("PROT", "PORT"), ("openai-model", "OPENAI_MODEL"), ("port", "PORT")],
)
def test_misspelt_name_in_the_file_is_refused_with_the_right_one(name, right, env_file):
    (problem,) = problems_of(env_file(f"# mine\n{name}=tell-nobody\n"))

    assert f"line 2: {name} is not a setting; do you mean {right}?" in problem
    assert "tell-nobody" not in problem


@pytest.mark.parametrize(("name", "right"), [("OPENAI_API_KY", "OPENAI_API_KEY"), ("WEBHOK_TOKEN", "WEBHOOK_TOKEN")])
def test_misspelt_name_in_the_environment_is_warned_of(name, right):
    assert load_with_origins(None, None, {name: "x"}).notes == (
        f"{name} in the environment is not a setting; do you mean {right}? Rename or unset it.",
    )


@pytest.mark.parametrize(
    "name", ["XDG_DATA_DIRS", "HOSTNAME", "HOSTTYPE", "LOGNAME", "PATH", "SSH_AUTH_SOCK", "EDITOR"]
)
def test_usual_names_of_an_environment_bring_no_note(name):
    assert load_with_origins(None, None, {name: "x"}).notes == ()


def test_name_that_resembles_no_setting_is_a_note(env_file):
    (note,) = load_with_origins(env_file("COMPOSE_PROJECT_NAME=omi\n"), None, {}).notes

    assert "COMPOSE_PROJECT_NAME is not a setting" in note


def test_all_problems_of_all_sources_are_reported_at_once(env_file):
    problems = problems_of(env_file("PROT=1\nQUIET_HOURS_ENABLED=yes\nPORT=x\n"), OMI_APP_ID="a")

    assert [problem.split()[0] for problem in problems[1:]] == ["QUIET_HOURS_ENABLED=true", "PORT"]
    assert "do you mean PORT" in problems[0]


def test_environment_of_the_document_starts_with_notes_of_what_has_no_effect(env_file):
    read = load_with_origins(env_file(DOCUMENT), None, {})

    assert read.notes == ()
    assert read.settings.max_request_size == 10 * 1024 * 1024


@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "ADMIN_TOKEN", "WEBHOOK_TOKEN", "METRICS_TOKEN"])
def test_placeholder_is_no_secret_in_production(variable):
    tokens = {"ADMIN_TOKEN": "a" * 24, "WEBHOOK_TOKEN": "b" * 24}
    given = {"APP_ENV": "production", **tokens, variable: "Your-Secret-Key"}

    (problem,) = problems_of(**given)

    assert problem.startswith(f"{variable} is still a placeholder")
