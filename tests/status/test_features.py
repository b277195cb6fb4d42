"""Features follow the settings."""

import pytest

from config.settings import Settings, load_settings
from omi_actors.status import health
from omi_actors.status.health import feature_states


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_KEY", "OMI_SIGNING_SECRETS", "ENABLE_METRICS", "OMI_APP_ID"):
        monkeypatch.delenv(name, raising=False)


def test_every_switch_is_a_feature_by_the_documents_name():
    states = feature_states(load_settings())

    switches = [name.removeprefix("enable_") for name in Settings.model_fields if name.startswith("enable_")]
    assert {name.replace("_", "") for name in switches} <= {name.lower() for name in states}
    assert (states["metrics"], states["fileLogging"]) == ("on", "off")


def test_recall_by_meaning_is_on_with_its_extra_alone(monkeypatch):
    settings = load_settings()
    for version, state in ((None, "off"), ("0.2.1", "on")):
        monkeypatch.setattr(health, "find_installed", lambda version=version: version)
        assert feature_states(settings)["semanticRecall"] == state
    assert feature_states(load_settings(overrides={"ENABLE_SEMANTIC_RECALL": "false"}))["semanticRecall"] == "off"


@pytest.mark.parametrize(
    ("given", "feature", "state"),
    [
        ({"ENABLE_METRICS": "false"}, "metrics", "off"),
        ({"ENABLE_FILE_LOGGING": "true"}, "fileLogging", "on"),
        ({}, "model", "demo"),
        ({"OPENAI_API_KEY": "sk-x"}, "model", "on"),
        ({}, "notifications", "off"),
        ({"OMI_APP_ID": "a", "OMI_APP_SECRET": "s"}, "notifications", "on"),
        ({"OMI_APP_ID": "a", "OMI_APP_SECRET": "s", "ENABLE_BACKGROUND_QUEUE": "0"}, "notifications", "off"),
        ({"ENABLE_BACKGROUND_QUEUE": "false"}, "backgroundQueue", "off"),
        ({"ENABLE_CONTEXT_ACTIVATION": "false"}, "contextActivation", "off"),
        ({"OMI_SIGNING_SECRETS": "whsec_x"}, "signedWebhooks", "on"),
    ],
)
def test_state_follows_the_setting(given, feature, state):
    assert feature_states(load_settings(overrides=given))[feature] == state
