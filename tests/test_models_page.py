"""docs/models.md: every server has its row, its refusals, and tests that exist."""

import re

import pytest

from tests.clients.test_model_refusals import REFUSALS, SERVERS
from tests.test_security_page import ROOT, functions_of

PAGE = (ROOT / "docs" / "models.md").read_text()
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)`: ([\w ,]+)", PAGE)))
ROWS = {row.split("|")[1].strip(): row for row in PAGE.splitlines() if row.startswith("| ")}


@pytest.mark.parametrize(("file", "words"), NAMED)
def test_test_that_the_page_names_exists(file, words):
    assert f"test_{words.strip().replace(' ', '_')}" in functions_of(file)


@pytest.mark.parametrize("server", SERVERS)
def test_every_common_server_has_its_row_and_its_refusals(server):
    assert re.search(r"`[\w/]+\.py`: \w", ROWS[server])
    assert len([one for one in REFUSALS if one.server == server]) >= 5
