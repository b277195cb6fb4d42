"""What may be handed to the store: functions by their own names, which bear their marks."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

import omi_actors
from omi_actors.store.messages import Call, comes_late, enqueues
from omi_actors.store.transaction import Transaction

WAYS = {"write", "write_alone", "read", "read_apart", "read_cold", "read_cold_apart"}


@enqueues
def enqueue(_tx: Transaction, _job: str) -> None:
    """Stands for a statement function that enqueues."""


def find_calls(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield the first argument of each call of one of the store's ways."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WAYS):
            continue
        if ast.unparse(node.func.value).endswith("store"):
            yield node.args[0]


def is_function_by_name(work: ast.expr, module: ModuleType) -> bool:
    """Tell whether an expression names a function of a module, as `jobs.claim_jobs` does."""
    try:
        found = eval(ast.unparse(work), vars(module))  # noqa: S307 (our own source)
    except NameError:
        return False
    return isinstance(found, FunctionType) and "<" not in found.__qualname__


def test_mark_of_a_function_that_enqueues_survives_its_arguments() -> None:
    assert comes_late(Call(enqueue, "j1"))


def test_lambda_or_method_that_enqueues_is_refused() -> None:
    class Subject:
        def enqueue(self, tx: object) -> None: ...

    for work in (lambda _tx: None, Subject.enqueue, Subject().enqueue):
        with pytest.raises(TypeError, match="by its own name"):
            enqueues(work)


def test_program_hands_the_store_functions_by_their_own_names_only() -> None:
    root = Path(omi_actors.__file__).parent
    calls = [
        (file, work, importlib.import_module(".".join(file.relative_to(root.parent).with_suffix("").parts)))
        for file in root.rglob("*.py")
        if "store." in (source := file.read_text())
        for work in find_calls(ast.parse(source))
    ]

    assert len(calls) > 30
    assert [
        (file.name, ast.unparse(work)) for file, work, module in calls if not is_function_by_name(work, module)
    ] == []


@pytest.mark.parametrize("planted", ["lambda tx: enqueue(tx, 'j1')", "self.enqueue", "partial(enqueue, 'j1')"])
def test_function_without_a_name_of_its_own_is_found_where_it_is_planted(planted: str) -> None:
    (work,) = find_calls(ast.parse(f"self._store.write({planted})"))

    assert not is_function_by_name(work, importlib.import_module(__name__))
