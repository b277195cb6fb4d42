"""Planted mistakes in settings and env file: the doctor finds each, and its fix works."""

import pytest

PRODUCTION = {"APP_ENV": "production", "HOST": "127.0.0.1"}
TOKEN = "a-token-that-nobody-guesses"  # noqa: S105 (invented)


def test_line_that_is_no_assignment(patient):
    patient.env_file.write_text("LOG_LEVEL=warn\nOPENAI_MODEL gpt\n")
    problem = patient.problem()

    patient.env_file.write_text("LOG_LEVEL=warn\n")

    assert problem.said.endswith("line 2, is not NAME=value.")
    assert problem.fix == "Correct or remove it."
    assert patient.has_no_problem


def test_env_file_that_cannot_be_read(patient):
    patient.env_file.mkdir()
    problem = patient.problem()

    patient.env_file.rmdir()

    assert "cannot be read" in problem.said
    assert problem.fix == "Make it a file that this account may read, or remove it."
    assert patient.has_no_problem


def test_misspelt_name_in_the_env_file(patient):
    patient.env_file.write_text("WEBHOK_TOKEN=tell-nobody-of-this\n")
    problem = patient.problem()

    patient.env_file.write_text(f"WEBHOOK_TOKEN={TOKEN}\n")

    assert "do you mean WEBHOOK_TOKEN?" in problem.said
    assert problem.fix == "Rename or remove it."
    assert patient.has_no_problem


def test_misspelt_name_in_the_environment_is_a_note(patient):
    patient.variables["OPENAI_API_KY"] = "tell-nobody"

    assert any("do you mean OPENAI_API_KEY? | Rename or unset it." in note for note in patient.notes())
    assert patient.has_no_problem


@pytest.mark.parametrize(
    ("variable", "value"), [("PORT", "eighty"), ("OPENAI_TIMEOUT", "-1"), ("ENABLE_METRICS", "maybe")]
)
def test_impossible_value(variable, value, patient):
    before = dict(patient.variables)
    patient.variables[variable] = value
    problem = patient.problem()

    patient.variables = before

    assert problem.said.startswith(variable)
    assert problem.fix == "Correct it, or leave it out."
    assert patient.has_no_problem


def test_switch_that_a_person_would_rely_on(patient):
    patient.env_file.write_text("QUIET_HOURS_ENABLED=true\n")
    problem = patient.problem()

    patient.env_file.write_text("QUIET_HOURS_ENABLED=false\n")

    assert "Quiet hours are a preference of each person" in problem.said
    assert problem.fix == "Leave it out."
    assert patient.has_no_problem


def test_half_of_what_notifications_need(patient):
    patient.variables["OMI_APP_ID"] = "app"
    problem = patient.problem()

    patient.variables["OMI_APP_SECRET"] = "secret"  # noqa: S105 (invented)

    assert problem.said.startswith("OMI_APP_SECRET is not set")
    assert problem.fix == "Set both, or none."
    assert patient.has_no_problem


def test_production_without_a_secret(patient):
    patient.variables |= PRODUCTION | {"WEBHOOK_TOKEN": TOKEN}
    problem = patient.problem()

    patient.variables["ADMIN_TOKEN"] = TOKEN

    assert problem.said.startswith("ADMIN_TOKEN is not set")
    assert problem.fix.startswith("Make one with: python3 -c")
    assert patient.has_no_problem


@pytest.mark.parametrize("name", ["WEBHOOK_TOKEN", "METRICS_TOKEN"])
def test_token_with_fewer_rights_that_equals_the_operators_is_a_note(name, patient):
    patient.variables |= {"ADMIN_TOKEN": TOKEN, "WEBHOOK_TOKEN": f"{TOKEN}-1", "METRICS_TOKEN": f"{TOKEN}-2"}
    noted = f"{name} is the ADMIN_TOKEN, too"

    assert not any(noted in note for note in patient.notes())
    patient.variables[name] = TOKEN
    assert [noted in note for note in patient.notes()].count(True) == 1


@pytest.mark.parametrize("name", ["ADMIN_TOKEN", "WEBHOOK_TOKEN", "METRICS_TOKEN"])
def test_token_that_may_be_guessed_in_production(name, patient):
    patient.variables |= PRODUCTION | {"WEBHOOK_TOKEN": TOKEN, "ADMIN_TOKEN": TOKEN, name: "hunter2"}
    problem = patient.problem()

    patient.variables[name] = TOKEN

    assert name in problem.said
    assert "hunter2" not in problem.said
    assert problem.fix.startswith("Make one with")
    assert patient.has_no_problem


def test_development_in_reach_of_others_is_a_note(patient):
    patient.variables["HOST"] = "0.0.0.0"  # noqa: S104 (the mistake)

    assert any("in reach of others" in note for note in patient.notes())


@pytest.mark.parametrize(
    ("url", "is_noted"), [("http://192.0.2.7", True), ("http://127.0.0.1:9", False), ("https://192.0.2.7", False)]
)
def test_key_sent_unencrypted_over_the_network_is_a_note(url, is_noted, patient):
    patient.variables |= {"OMI_APP_ID": "app", "OMI_APP_SECRET": "sk-of-omi", "OMI_API_URL": url}

    noted = [note for note in patient.notes() if "OMI_API_URL is http" in note]

    assert bool(noted) is is_noted
    assert "sk-of-omi" not in str(noted)
