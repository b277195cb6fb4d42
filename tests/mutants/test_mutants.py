import ast
import shutil

import pytest

from scripts.lab.mutants import run
from scripts.lab.mutants.__main__ import draw_mutants
from scripts.lab.mutants.mutations import Mutation, find_mutations
from scripts.lab.mutants.run import ROOM_TESTS, Mutant, is_found_in, order_tests


def changed(text):
    return [mutation.apply(text) for mutation in find_mutations(text)]


@pytest.mark.parametrize(
    ("text", "mutants"),
    [
        ("a < b", ["a <= b"]),
        ("a is not b", ["a is b"]),
        ("a not in b", ["a in b"]),
        ("a + b", ["a - b"]),
        ("a and b or c", ["a or b or c", "a and b and c"]),
        ("not a", ["a"]),
        ("-a", ["a"]),
        ("f(1, True)", ["f(2, True)", "f(1, False)"]),
        ("'é' < b", ["'é' <= b"]),
        ("'a' + 'b'", []),
        (
            "@dataclass(slots=True)\nclass A:\n    b: Literal[1] = 2",
            ["@dataclass(slots=True)\nclass A:\n    b: Literal[1] = 3"],
        ),
        ("f'{a + 1}'", []),
    ],
)
def test_each_operator_and_constant_makes_one_mutant(text, mutants):
    assert changed(text) == mutants


def test_every_mutant_of_the_product_is_a_module_still():
    for mutant in draw_mutants(tuple(ROOM_TESTS), count=300, seed=3):
        ast.parse(mutant.mutation.apply((run.ROOT / mutant.path).read_text(encoding="utf-8")))


def test_draw_is_repeated_by_its_seed():
    assert draw_mutants(("omi_actors/kit",), count=9, seed=5) == draw_mutants(("omi_actors/kit",), count=9, seed=5)


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "omi_actors" / "domain").mkdir(parents=True)
    (tmp_path / "omi_actors" / "__init__.py").touch()
    (tmp_path / "omi_actors" / "domain" / "__init__.py").touch()
    (tmp_path / "omi_actors" / "domain" / "sum.py").write_text("def add(a, b):\n    return a + b\n")
    for folder in ROOM_TESTS["omi_actors/domain"]:
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "tests" / "domain" / "test_a.py").write_text("def test_a():\n    assert True\n")
    test = "from omi_actors.domain.sum import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n"
    (tmp_path / "tests" / "domain" / "test_sum.py").write_text(test)
    shutil.copy(run.ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_tests_that_import_the_module_run_first(checkout):
    assert order_tests(checkout, "omi_actors/domain/sum.py") == ["tests/domain/test_sum.py", "tests/domain/test_a.py"]


@pytest.mark.parametrize(("test", "is_found"), [("add(1, 2) == 3", True), ("add(1, 0) == 1", False)])
def test_mutant_is_found_by_a_test_that_sees_it(checkout, test, is_found):
    file = checkout / "tests" / "domain" / "test_sum.py"
    file.write_text(file.read_text().replace("add(1, 2) == 3", test))
    module = checkout / "omi_actors" / "domain" / "sum.py"
    text = module.read_text()
    at = text.index("+")

    found = is_found_in(checkout, Mutant("omi_actors/domain/sum.py", Mutation(at, at + 1, "+", "-", 2)))

    assert found is is_found
    assert module.read_text() == text
