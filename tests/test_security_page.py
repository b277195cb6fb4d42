"""docs/security.md: the tests that it names are there, and so are the numbers that it tells."""

import ast
import re
from pathlib import Path

import pytest

from omi_actors import tree
from omi_actors.backplane import redis_session
from omi_actors.clients import model_server, omi_api
from omi_actors.clients.bounded_http import MAX_ERROR_BYTES, MAX_REPLY_BYTES
from omi_actors.jobs import notify
from omi_actors.store import postgres
from omi_actors.store.engine import StoreConfig
from web import auth as replays

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "security.md").read_text()
ROWS = [line.strip("|").split("|") for line in PAGE.splitlines() if re.match(r"\| .*`[\w/]+\.py`.* \|$", line)]
NAMED = re.findall(r"`([\w/]+\.py)`: ([\w ,]+)", PAGE)
FILES = {name for name in re.findall(r"`([\w/]+\.py)`", PAGE) if "test_" in name}
# OWASP's list and further threats at the edge.
RISKS = {f"API{number}" for number in range(1, 11)} | {
    "Errors",
    "Concurrency",
    "Words and secrets",
    "Pages of other",
    "Orders in what others",
}


def functions_of(file):
    found = ast.walk(ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8")))
    return {node.name for node in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize(("file", "words"), NAMED)
def test_test_that_the_page_names_exists(file, words):
    assert f"test_{words.strip().replace(' ', '_')}" in functions_of(file)


@pytest.mark.parametrize("file", sorted(FILES))
def test_file_that_the_page_names_exists(file):
    assert (ROOT / "tests" / file).is_file()


def test_every_risk_has_its_row_with_a_test():
    told = " ".join(row[0] for row in ROWS)

    assert {risk for risk in RISKS if not re.search(rf"\b{risk}\b", told)} == set()
    assert len(NAMED) > 2 * len(RISKS)
    assert all(len(row) == 3 for row in ROWS)


def row_of(server):
    (row,) = re.findall(rf"^\| {server} \|(.*)\|$", PAGE, re.MULTILINE)
    return [cell.strip() for cell in row.split("|")]


def test_numbers_of_the_servers_that_are_called_are_the_programs():
    model, omi, postgresql = row_of("the model"), row_of("Omi's API"), row_of("PostgreSQL")
    sqlite, redis = row_of("SQLite"), row_of("Redis")

    assert model[1].startswith(f"{model_server._CONNECT_S:g} s to connect")
    assert omi[1].startswith(f"{omi_api._CONNECT_S:g} s at most to connect")
    assert omi[2].startswith(f"{notify._MAX_ATTEMPTS}, ")
    readers, cold = len(tree._READERS), len(tree._COLD_READERS)
    stores = f"{1 + readers + 2 * cold}: a writer, {readers} readers, {cold} for lists and {cold} in their processes"
    assert [postgresql[0], sqlite[0]] == [stores, stores]
    statement, lock = (postgres._SETTINGS[f"{name}_timeout"].removesuffix("s") for name in ("statement", "lock"))
    assert f"{statement} s a statement, {lock} s a lock" in postgresql[1]
    assert sqlite[1].startswith(f"{StoreConfig(url='', data_dir=ROOT).busy_timeout_s:g} s for")
    assert redis[0] == f"at most {redis_session._CONNECTIONS}"


def test_numbers_of_the_door_are_the_programs():
    assert f"read up to {MAX_REPLY_BYTES // 2**20} MB, errors up to {MAX_ERROR_BYTES // 2**10} kB" in PAGE
    assert f"{replays.REMEMBERED_S:g} s, at most {replays._MAX_KEPT:,} webhooks" in PAGE
