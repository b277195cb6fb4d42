"""docs/people.md: every preference has a row with its effect, and the tests that it names are there."""

import re
from pathlib import Path

import pytest

from omi_actors.domain.hearing.language import LANGUAGES
from omi_actors.domain.people.preferences import FIELDS
from tests.test_security_page import functions_of

PAGE = (Path(__file__).parents[1] / "docs" / "people.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (.+) \| `([\w/]+\.py)`: ([\w ]+) \|$", PAGE, re.MULTILINE)


def test_every_preference_has_its_row():
    named = [name for row in ROWS for name in re.findall(r"`(\w+)`", row[0])]

    assert sorted(named) == sorted([*FIELDS, "default_conversation_id"])


@pytest.mark.parametrize(("name", "file", "words"), [(row[0], row[2], row[3]) for row in ROWS])
def test_test_of_a_preference_exists(name, file, words):
    assert f"test_{words.strip().replace(' ', '_')}" in functions_of(file), name


def test_languages_are_the_programs():
    assert f"one of {', '.join(LANGUAGES)}." in PAGE
