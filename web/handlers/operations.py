"""The operations of a table of routes: each method of each path, with its declaration and all statuses it may answer.

Not here: the document that is made of them (openapi.py). Threads: any; pure.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from web.declare import PAGE, Answer, Declared, declared_of
from web.edge.browsers import SAFE_METHODS
from web.handlers.base import BaseHandler
from web.handlers.caller import Access

# Statuses that every address may answer: refusals of the edge and of limits, and failures.
COMMON = frozenset({400, 408, 413, 414, 415, 421, 429, 431, 500, 503, 504})


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """A method of a path with its handler and declaration."""

    path: str
    method: str
    handler: type[BaseHandler]
    declared: Declared
    groups: tuple[str, ...]

    @property
    def name(self) -> str:
        """The operation's id, which generators make a function of."""
        words = re.sub(r"\{(\w+)\}", r"by_\1", self.path)
        return "_".join([self.method.lower(), *re.findall(r"[A-Za-z0-9]+", words)])

    @property
    def answers(self) -> Mapping[int, Answer]:
        """The declared replies. A browser that is not the operator's is led from the operator's pages to the door."""
        is_page = any(PAGE in parts_of(answer) for answer in self.declared.answers.values())
        if not is_page or self.handler.access is not Access.OPERATOR or self.method != "GET":
            return self.declared.answers
        return {**self.declared.answers, 303: None}

    @property
    def statuses(self) -> frozenset[int]:
        """All statuses that the operation may answer."""
        access, more = self.handler.access, set(self.declared.errors)
        if access is not Access.ANYBODY:
            more.add(401)
        if self.method not in SAFE_METHODS:
            more.add(403)
        # Without an id, too: another node has just deleted the account.
        if "{" in self.path or (access is Access.PERSON and self.method not in SAFE_METHODS):
            more.add(404)
        return COMMON | more | self.answers.keys()


Rules = Iterable[tuple[str, type[BaseHandler]]]


def operations_of(rules: Rules) -> list[Operation]:
    """Return the declared operations of a table of routes: patterns with their handlers."""
    return [
        Operation(path, method, handler, declared, groups)
        for pattern, handler in rules
        for method in handler.allowed_methods()
        if method != "HEAD" and (declared := declared_of(handler, method)) is not None
        for path, groups in _paths(pattern, handler.route)
    ]


def parts_of(answer: Answer) -> tuple[Any, ...]:
    """Return the parts of an answer: one for each content type that the request may choose."""
    return answer if isinstance(answer, tuple) else () if answer is None else (answer,)


def _paths(pattern: str, route: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return the paths of a route, with the patterns of their parameters. Words to choose from make a path each."""
    paths: list[tuple[str, tuple[str, ...]]] = [(route, ())]
    for name, group in zip(re.findall(r":\w+", route), _groups(pattern), strict=True):
        is_choice = re.fullmatch(r"[a-z-]+(\|[a-z-]+)+", group) is not None
        parts = group.split("|") if is_choice else [f"{{{name[1:]}}}"]
        more = () if is_choice else (group,)
        paths = [(path.replace(name, part, 1), (*groups, *more)) for path, groups in paths for part in parts]
    return paths


def _groups(pattern: str) -> list[str]:
    """Return the outermost groups of a pattern."""
    groups, depth, start = [], 0, 0
    for at, char in enumerate(pattern):
        if (char == "(" and not pattern.startswith("(?:", at)) or (char == "(" and depth):
            depth += 1
            start = at + 1 if depth == 1 else start
        elif char == ")" and depth:
            depth -= 1
            if not depth:
                groups.append(pattern[start:at])
    return groups
