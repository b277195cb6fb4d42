"""Replies in the shapes of the original's first version, where they differ: with `omi-actors serve --legacy`.

The handlers do not know of it. handlers/base.py passes replies and errors through the two tables here. What is not in
them is the same in both versions, or has more keys than its clients read.
Not here: the forms of all other replies (the handlers). Threads: any; constant after the start.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from config.settings import Settings
from web.problems import Problem

_SERVER_ERROR = 500


class Wording(NamedTuple):
    """An error as the first version has it; without a `message` our hint is it, without a `status` ours."""

    error: str
    message: str = ""
    status: int | None = None


_NOT_SIGNED_IN, _OVER = Wording("Not authenticated"), Wording("Session invalid")
_TOO_SHORT = Wording("Invalid email or password too short")
_REGISTER = "/auth/register"
# By our text, for all addresses or for one.
_ERRORS: Mapping[str | tuple[str, str], Wording] = {
    "Nothing is at this address.": Wording("Not Found", "Endpoint not found"),
    "The server failed.": Wording("Internal Server Error", "Something went wrong on the server"),
    "No session token provided": _NOT_SIGNED_IN,
    "Invalid session": _OVER,
    "Session expired": _OVER,
    (_REGISTER, "Email and password are required"): _TOO_SHORT,
    (_REGISTER, "Password must be at least 8 characters"): _TOO_SHORT,
    (_REGISTER, "Invalid email format"): _TOO_SHORT,
    (_REGISTER, "User with this email already exists"): Wording("Email already in use", status=400),
}


class Legacy:
    """The first version's replies and errors, made of ours. They keep our other keys."""

    def __init__(self, settings: Settings) -> None:
        name = settings.wake_names[0].capitalize() if settings.wake_names else "Omi"
        # The keys of its `/health` that ours lacks.
        self._health = {
            "message": "Omi AI Chat Plugin is running",
            "trigger_phrases": [f"Hey {name}", f"Hey, {name}", f"Hey {name},", f"Hey, {name},"],
            "help_keywords": [],
            "example_usage": f"Hey {name}, what is the weather like in Sydney?",
            "rate_limiting": {"disabled": not settings.enable_rate_limit},
            "api": {
                "type": "OpenAI Chat Completions API",
                "model": settings.openai_model,
                "conversation_state": "kept by this server",
                "tools": [],
            },
        }
        # By route.
        self._replies: Mapping[str, Callable[[Any, int], tuple[Any, int]]] = {
            "/health": self._shape_health,
            "/health/db": lambda form, status: (form, min(status, _SERVER_ERROR)),
        }

    def reshape(self, route: str, form: Any, status: int) -> tuple[Any, int]:
        """Return a reply and its status."""
        shape = self._replies.get(route)
        return (form, status) if shape is None else shape(form, status)

    def reword(self, route: str, problem: Problem) -> tuple[Problem, str]:
        """Return an error, and its `message`."""
        said = _ERRORS.get((route, problem.error)) or _ERRORS.get(problem.error)
        if said is None:
            return problem, problem.hint
        return replace(problem, error=said.error, status=said.status or problem.status), said.message or problem.hint

    def _shape_health(self, form: Any, status: int) -> tuple[Any, int]:
        return form | self._health | ({} if form["status"] == "fail" else {"status": "OK"}), status
