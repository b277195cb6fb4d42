"""Find the places of a module where one change makes a mutant, and apply such a change to its text.

A change replaces one comparison, arithmetic operator, `and`, `or`, `not`, number or truth value. Annotations,
decorators and default flags of dataclasses are left alone: no test can see them. Not here: trying a mutant (run.py).
Threads: any; pure.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
_SIGNS: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
}


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change: the text from `begin` to `end` (offsets in the module's text) becomes `new`. `line` counts from 1."""

    begin: int
    end: int
    old: str
    new: str
    line: int

    def apply(self, text: str) -> str:
        """Return the module's text with this change."""
        return text[: self.begin] + self.new + text[self.end :]


def find_mutations(text: str) -> list[Mutation]:
    """Return every change that can be made to a module, in the order of its text."""
    finder = _Finder(text)
    finder.visit(ast.parse(text))
    return sorted(finder.found, key=lambda mutation: (mutation.begin, mutation.end))


class _Finder(ast.NodeVisitor):
    """Collects the changes of one module."""

    def __init__(self, text: str) -> None:
        self.found: list[Mutation] = []
        self._text = text
        self._line_starts = [0]
        for line in text.splitlines(keepends=True):
            self._line_starts.append(self._line_starts[-1] + len(line))
        self._lines = text.splitlines(keepends=True)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Visit defaults and body; skip decorators and annotations."""
        self._visit_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        """Visit defaults and body; skip decorators and annotations."""
        self._visit_function(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Visit the body; skip decorators and bases."""
        for child in node.body:
            self.visit(child)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Visit the value; skip the annotation."""
        if node.value is not None:
            self.visit(node.value)

    def visit_Compare(self, node: ast.Compare) -> None:
        """Record each comparison."""
        for left, operator, right in zip([node.left, *node.comparators], node.ops, node.comparators, strict=False):
            self._note_between(left, right, *_COMPARISONS[type(operator)])
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        """Record an arithmetic operator between numbers. Skip texts: another operator there always fails."""
        if type(node.op) in _SIGNS and not any(_is_text(side) for side in (node.left, node.right)):
            self._note_between(node.left, node.right, *_SIGNS[type(node.op)])
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        """Record each `and` and `or`."""
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            self._note_between(left, right, old, new)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        """Record each `not` and each unary minus."""
        if isinstance(node.op, (ast.Not, ast.USub)):
            begin, sign = self._offset(node), "not " if isinstance(node.op, ast.Not) else "-"
            self._note(begin, begin + len(sign), "", node.lineno)
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        """Record each number and truth value."""
        if isinstance(node.value, bool):
            self._note(self._offset(node), self._end(node), str(not node.value), node.lineno)
        elif isinstance(node.value, (int, float)):
            self._note(self._offset(node), self._end(node), repr(node.value + 1), node.lineno)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Skip formatted texts."""

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self.visit(default)
        for child in node.body:
            self.visit(child)

    def _note_between(self, left: ast.expr, right: ast.expr, old: str, new: str) -> None:
        begin, end = self._end(left), self._offset(right)
        at = self._text.find(old, begin, end)
        if at >= 0 and "#" not in self._text[begin:end]:
            self._note(at, at + len(old), new, left.end_lineno or left.lineno)

    def _note(self, begin: int, end: int, new: str, line: int) -> None:
        self.found.append(Mutation(begin, end, self._text[begin:end], new, line))

    def _offset(self, node: ast.expr) -> int:
        return self._at(node.lineno, node.col_offset)

    def _end(self, node: ast.expr) -> int:
        return self._at(node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)

    def _at(self, line: int, utf8_column: int) -> int:
        """Return the offset in characters; the parser counts columns in bytes."""
        column = len(self._lines[line - 1].encode()[:utf8_column].decode())
        return self._line_starts[line - 1] + column


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def iter_modules(texts: dict[str, str]) -> Iterator[tuple[str, Mutation]]:
    """Yield every change of every module, by its path."""
    for path, text in sorted(texts.items()):
        for mutation in find_mutations(text):
            yield path, mutation
