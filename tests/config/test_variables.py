"""The settings as variables: subjects, and switches in the usual words."""

import pytest

from config.settings import InvalidSettingError, Settings, load_settings
from config.variables import groups, is_flag, variables_of

FLAGS = {variables_of(field)[0]: name for name, field in Settings.model_fields.items() if is_flag(field)}


def test_every_setting_is_of_one_subject():
    shown = [name for group in groups() for name in group.fields]

    assert sorted(shown) == sorted(Settings.model_fields)


@pytest.mark.parametrize("variable", FLAGS)
@pytest.mark.parametrize(
    ("word", "is_on"), [("true", True), ("1", True), ("Yes", True), ("on", True), ("off", False), ("0", False)]
)
def test_switch_takes_the_usual_words(variable, word, is_on):
    assert getattr(load_settings(overrides={variable: word}), FLAGS[variable]) is is_on


@pytest.mark.parametrize("variable", FLAGS)
def test_switch_refuses_any_other_word(variable):
    with pytest.raises(InvalidSettingError, match=rf"^{variable} must be on \(true, 1, yes, on\) or off"):
        load_settings(overrides={variable: "maybe"})
