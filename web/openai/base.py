"""Base of the addresses of OpenAI's wire: errors in its form, the name of a model, one completion of the system.

Not here: bodies and forms of each address, the event stream (streaming.py). Threads: the event loop.
Source: OpenAI's API reference, and the error bodies of its server.
"""

from typing import Any

import msgspec

from omi_actors.actors.session.messages import Complete, CompletionLeft, OnDelta
from omi_actors.clients.model import ModelAnswer
from omi_actors.domain.answers.completions import Completion
from omi_actors.domain.answers.failures import explain_failure
from omi_actors.domain.answers.prompt import DEFAULT, SPACES
from omi_actors.domain.sessions.keys import api_key
from omi_actors.errors import (
    BadRequestError,
    BudgetSpentError,
    CircuitOpenError,
    NotFoundError,
    UpstreamBusyError,
    UpstreamError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
)
from omi_actors.ids import new_id
from omi_actors.instruments.logs import LogContext, bound_context
from omi_actors.kit.errors import AskTimeoutError
from omi_actors.kit.future import Future
from web.handlers.caller import Access
from web.people.base import PersonHandler
from web.problems import Problem, api_problem

# The name of the default space as a model, and the beginning of the others' names.
MODEL = "omi"
_PREFIX = f"{MODEL}-"
# Our codes that OpenAI has another word for; None: it has none.
_CODES = {
    "unauthorized": "invalid_api_key",
    "rate_limited": "rate_limit_exceeded",
    "overloaded": "rate_limit_exceeded",
    "bad_request": None,
    "malformed_json": None,
}
_SERVER_ERROR = 500
_TOO_MANY = 429
# Refusals of the model's server that concern what the program has sent.
_OF_REQUEST = {
    "parameter_refused": "unsupported_parameter",
    "roles_refused": "invalid_value",
    "content_refused": "content_filter",
    "context_length_exceeded": "context_length_exceeded",
}
_AGAIN_S = 1.0


class ParameterError(BadRequestError):
    """A field of the body that cannot be served. `param` names it as OpenAI does, `code` is OpenAI's word or None."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.code = code


class UnknownModelError(NotFoundError):
    """A model that is no space."""


def model_names() -> list[str]:
    """Return the names of all models."""
    return [model_name(space) for space in SPACES]


def model_name(space: str) -> str:
    """Return the name of a space as a model."""
    return MODEL if space == DEFAULT.name else _PREFIX + space


def find_space(model: str) -> str:
    """Return the name of the space that is this model; the bare name of a space is taken, too.

    Raises:
        UnknownModelError: there is no such model.
    """
    space = DEFAULT.name if model == MODEL else model.removeprefix(_PREFIX)
    if space not in SPACES:
        raise UnknownModelError(f"The model `{model[:64]}` does not exist. GET /v1/models lists those that do.")
    return space


class OpenAIHandler(PersonHandler):
    """A request in OpenAI's wire. Its errors have OpenAI's form, also those that are found before the handler runs."""

    limit_kind = "v1"

    _param: str | None = None
    _code: str | None = None

    @property
    def wants_page(self) -> bool:
        """Return False: programs read all of this."""
        return False

    def explain(self, error: BaseException) -> Problem:
        """Return the reply to an error; of the model's failures the one that the program can understand."""
        if isinstance(error, ParameterError):
            self._param, self._code = error.param, error.code
        elif isinstance(error, UnknownModelError):
            self._param, self._code = "model", "model_not_found"
        return _explain_model(error) or api_problem(error)

    def problem_json(self, problem: Problem) -> bytes:
        """Return an error in OpenAI's form."""
        code = self._code or _CODES.get(problem.code, problem.code)
        is_told = problem.code in ("bad_request", "not_found")
        message = problem.error if is_told or not problem.hint else f"{problem.error} {problem.hint}"
        form = {"message": message, "type": _type_of(problem), "param": self._param, "code": code}
        return msgspec.json.encode({"error": form})


def _type_of(problem: Problem) -> str:
    if problem.code == "insufficient_quota":
        return "insufficient_quota"
    if problem.status == _TOO_MANY:
        return "requests"
    return "server_error" if problem.status >= _SERVER_ERROR else "invalid_request_error"


def _explain_model(error: BaseException) -> Problem | None:
    """Return the reply to a failure of the model; None for all other errors."""
    match error:
        case BudgetSpentError(period="minute"):
            return Problem(_TOO_MANY, "rate_limit_exceeded", explain_failure(error), "", 60.0)
        case BudgetSpentError():
            return Problem(_TOO_MANY, "insufficient_quota", explain_failure(error), "")
        case UpstreamRejectedError(code=code) if code in _OF_REQUEST:
            named = f" ({', '.join(error.parameters)})" if error.parameters else ""
            return Problem(400, _OF_REQUEST[code], f"The model's server refuses the request{named}.", "")
        case UpstreamBusyError():
            return Problem(
                _TOO_MANY, "rate_limit_exceeded", explain_failure(error), "", error.retry_after_s or _AGAIN_S
            )
        case CircuitOpenError():
            return Problem(503, "model_unavailable", explain_failure(error), "", error.retry_after_s or _AGAIN_S)
        case UpstreamTimeoutError():
            return Problem(504, "timeout", explain_failure(error), "")
        case UpstreamError():
            return Problem(502, "upstream_failed", explain_failure(error), "")
        case _:
            return None


class CompletionHandler(OpenAIHandler):
    """A request that is answered by the model. A client that leaves stops the model."""

    is_slow_by_nature = True
    # Its deadline is COMPLETIONS_TIMEOUT.
    has_own_deadline = True

    _waiting: Future[ModelAnswer] | None = None
    _asked: Complete | None = None

    def complete(self, asked: Completion, on_delta: OnDelta | None = None) -> Future[ModelAnswer]:
        """Send the completion to its session.

        Raises:
            AskTimeoutError: the client has left.
        """
        if self.is_gone:
            raise AskTimeoutError("the client disconnected before the model was asked")
        key = api_key(self.me.account_id, asked.space)
        self._asked = Complete(session_key=key, completion_id=new_id(), asked=asked, on_delta=on_delta)
        with bound_context(LogContext(self.request_id, key)):
            self._waiting = self.site.system.complete(self._asked, timeout_s=self.site.times.completion_s)
        return self._waiting

    def leave(self) -> None:
        """Stop the model, if it still works for this request."""
        if self._asked is None or self._waiting is None or self._waiting.done:
            return
        self._waiting.try_fail(AskTimeoutError("the client has disconnected"))
        self.site.system.completion_left(CompletionLeft(self._asked.session_key, self._asked.completion_id))

    def on_connection_close(self) -> None:
        """Stop the model, unless this server is closing the connection to drain."""
        super().on_connection_close()
        if not self.site.traffic.is_draining:
            self.leave()


def usage_form(answer: ModelAnswer) -> dict[str, Any]:
    """Return the tokens as the model's server has counted them, else an estimate."""
    question, told = answer.counts
    return {"prompt_tokens": question, "completion_tokens": told, "total_tokens": question + told}


class UnknownHandler(OpenAIHandler):
    """Answers 404 at all other addresses below /v1."""

    route = "/v1/:other"
    access = Access.ANYBODY

    def find_token(self) -> None:
        """Find none: the answer is the same for everybody."""

    def prepare(self) -> None:
        """Refuse every method, in OpenAI's words."""
        super().prepare()
        path = self.request.path[:128]
        raise NotFoundError(f"Invalid URL ({self.request.method} {path})")
