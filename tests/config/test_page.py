"""docs/settings.md is current, and every setting's effect is seen by a test that exists."""

import ast
from pathlib import Path

import pytest

from config.describing import groups, is_flag, variables_of
from config.effects import TESTED_BY
from config.page import settings_page
from config.settings import InvalidSettingError, Settings, load_settings

ROOT = Path(__file__).parents[2]
FLAGS = {variables_of(field)[0]: name for name, field in Settings.model_fields.items() if is_flag(field)}


def test_page_is_what_the_settings_say():
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")

    assert page == settings_page(), "run: python -m config.page > docs/settings.md"


def test_every_setting_is_of_one_subject():
    shown = [name for group in groups() for name in group.fields]

    assert sorted(shown) == sorted(Settings.model_fields)


def test_every_setting_names_the_test_that_sees_its_effect():
    proper = {variables_of(field)[0] for field in Settings.model_fields.values()}

    assert proper - set(TESTED_BY) == set(), "name their tests in config/effects.py"
    assert set(TESTED_BY) - proper == set(), "no such setting"


@pytest.mark.parametrize("variable", TESTED_BY)
def test_test_that_sees_an_effect_exists(variable):
    file, test = TESTED_BY[variable]
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}

    assert test in functions


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
