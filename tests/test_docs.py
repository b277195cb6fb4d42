"""What the documents say is there is there."""

import re
from pathlib import Path

import pytest

from omi_actors.store.engine import DATABASE_FILE

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("document", sorted(ROOT.glob("docs/*.md")), ids=lambda path: path.name)
def test_database_file_has_its_name(document):
    assert set(re.findall(r"DATA_DIR/(omi\.\w+)", document.read_text())) <= {DATABASE_FILE}


def test_rooms_of_the_readme_exist():
    named = re.findall(r"`((?:omi_actors|web|config)/[\w/.]+)`", (ROOT / "README.md").read_text())

    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []
