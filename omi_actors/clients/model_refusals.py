"""The meaning of a refusal by a model's server: status, body and headers in, one of our errors out.

Not here: the body's words (refusal_words.py), the phrases (refusal_phrases.py), learning from a refusal
(completion_request.py), sentences for it (domain/answers/failures.py). Threads: none, pure. Bodies may quote the
prompt and the key: none of their text reaches an error.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from omi_actors.clients import refusal_phrases as phrases
from omi_actors.clients.refusal_words import find_pause_s, find_words
from omi_actors.errors import UpstreamBusyError, UpstreamError, UpstreamRejectedError, UpstreamUnavailableError

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
# Statuses of a refused form. Servers with a template in between send 500, and gateways an error within a 200.
_FORM = frozenset({200, 400, 404, 422, 500, 501})
_ADDRESS = frozenset({200, 400, 404, 405, 501})
_BUSY = frozenset({200, 400, 403, 429, 498, *range(500, 600)})
_HINTS = frozenset({200, 400, 403, 406, 410, 415, 422})
_FIRST_NO_SUCCESS = 300


@dataclass(frozen=True, slots=True)
class _Seen:
    """A refusal as it came. `words` are lines `field: text` in lower case."""

    status: int
    words: str
    pause_s: float | None


_Hint = Callable[[str], bool]
_Build = Callable[[_Seen], UpstreamError]
_Judge = Callable[[_Seen], UpstreamError | None]


def read_refusal(status: int, body: object, headers: Mapping[str, str] = _NO_HEADERS) -> UpstreamError:
    """Return our error for a refusal: `body` is a parsed JSON value, or the text or bytes as they came.

    `status` is the response's. An error inside of an answer (200) is judged by the status that its body names.

    Example:
        read_refusal(200, {"error": {"code": "insufficient_quota"}})  # the error of a 429 with this code
    """
    words = find_words(body)
    own = re.search(r"^(?:code|status|status_?code): ([3-5]\d\d)$", words, re.MULTILINE)
    if own and status < _FIRST_NO_SUCCESS:
        status = int(own[1])
    seen = _Seen(status, words, find_pause_s(headers, words))
    found = (judge(seen) for judge in _JUDGES)
    return next(filter(None, found), None) or _judge_status(seen)


def _judge_redirect(seen: _Seen) -> UpstreamError | None:
    if _FIRST_NO_SUCCESS <= seen.status < 400:  # noqa: PLR2004
        text = f"the model's server redirects to another address ({seen.status}); check OPENAI_BASE_URL"
        return UpstreamRejectedError(text, code="redirected")
    return None


def _judge_content(seen: _Seen) -> UpstreamError | None:
    if seen.status != 401 and phrases.says_filter(seen.words):  # noqa: PLR2004
        return _no_content(seen)
    return None


def _judge_length(seen: _Seen) -> UpstreamError | None:
    if phrases.names_limit(seen.words):
        return None
    says = phrases.says_too_large if seen.status == 429 else phrases.says_too_long  # noqa: PLR2004
    if seen.status == 413 or (seen.status not in (401, 403) and says(seen.words)):  # noqa: PLR2004
        return _too_long(seen)
    return None


def _judge_place(seen: _Seen) -> UpstreamError | None:
    if seen.status in (200, 400, 403) and phrases.says_place(seen.words):
        text = f"the model's server does not serve this machine's country or address ({seen.status})"
        return UpstreamRejectedError(text, code="place_refused")
    return None


def _judge_credit(seen: _Seen) -> UpstreamError | None:
    is_hinted = seen.status == 429 and phrases.hints_at_broke(seen.words) and not phrases.says_busy(seen.words)  # noqa: PLR2004
    is_spent = seen.pause_s is None and (phrases.says_quota(seen.words) or is_hinted)
    if seen.status == 402 or is_spent or phrases.says_broke(seen.words):  # noqa: PLR2004
        return _no_credit(seen)
    return None


def _judge_access(seen: _Seen) -> UpstreamError | None:
    return _no_model(seen) if phrases.says_no_access(seen.words) else None


def _judge_key(seen: _Seen) -> UpstreamError | None:
    is_said = seen.status not in (429, 503) and phrases.says_key(seen.words)
    return _no_key(seen) if seen.status == 401 or is_said else None  # noqa: PLR2004


def _judge_roles(seen: _Seen) -> UpstreamError | None:
    if seen.status not in _FORM or not (phrases.says_roles(seen.words) or phrases.says_no_system(seen.words)):
        return None
    return _no_roles("system" if phrases.says_no_system(seen.words) else "messages")


def _judge_parameter(seen: _Seen) -> UpstreamError | None:
    if seen.status not in _FORM:
        return None
    if phrases.says_no_stream(seen.words):
        return _refuse_parameters("stream")
    fields = "\n".join(re.findall(r"^(?:param|loc): .+", seen.words, re.MULTILINE))
    named = _find_fields(fields) or _find_fields(seen.words)
    if named:
        return _refuse_parameters(*named)
    if phrases.says_parameter(seen.words):
        return _refuse_parameters(*re.findall(r"^(?:param|loc): (?:body\.)?(\w+)", fields, re.MULTILINE))
    return None


def _find_fields(words: str) -> list[str]:
    return [name for name, pattern in phrases.FIELDS.items() if re.search(pattern, words, re.MULTILINE)]


def _refuse_parameters(*names: str) -> UpstreamError:
    # A name that is none of ours comes from the server, which may quote anything.
    known = [name for name in names if name in phrases.FIELDS or name == "stream"]
    text = f"the model's server does not accept {', '.join(known) or 'a parameter'}"
    return UpstreamRejectedError(text, code="parameter_refused", parameters=names)


def _judge_address(seen: _Seen) -> UpstreamError | None:
    is_page = "html: page" in seen.words and seen.status in (200, 404)
    if seen.status == 405 or is_page or (seen.status in _ADDRESS and phrases.says_address(seen.words)):  # noqa: PLR2004
        return _no_address(seen)
    return None


def _judge_model(seen: _Seen) -> UpstreamError | None:
    if seen.status < 500 and seen.status != 429 and phrases.says_no_model(seen.words):  # noqa: PLR2004
        return _no_model(seen)
    return None


def _judge_loading(seen: _Seen) -> UpstreamError | None:
    if seen.status in _BUSY | {404} and phrases.says_loading(seen.words):
        text = f"the model's server is still loading the model ({seen.status})"
        return UpstreamUnavailableError(text, retry_after_s=seen.pause_s)
    return None


def _judge_busy(seen: _Seen) -> UpstreamError | None:
    if seen.status == 429 or (seen.status in _BUSY and phrases.says_busy(seen.words)):  # noqa: PLR2004
        what = "limits our rate" if seen.status == 429 else "has too much to do"  # noqa: PLR2004
        return UpstreamBusyError(f"the model's server {what} ({seen.status})", retry_after_s=seen.pause_s)
    return None


def _judge_hints(seen: _Seen) -> UpstreamError | None:
    """Judge by single words, since a likely cause is better than none.

    After a 500 fewer words count, since such bodies name many things.
    """
    if seen.status in _HINTS:
        return next((build(seen) for hints_at, build in _HINTED if hints_at(seen.words)), None)
    if seen.status == 500:  # noqa: PLR2004
        return next((build(seen) for hints_at, build in _HINTED_BY_FAILURES if hints_at(seen.words)), None)
    return None


def _judge_status(seen: _Seen) -> UpstreamError:
    status = seen.status
    if status == 403 and "html: page" not in seen.words:  # noqa: PLR2004
        return _no_key(seen)  # a page comes from a firewall, which has not read the key
    if status == 451:  # noqa: PLR2004
        return _no_content(seen)
    if status == 404:  # noqa: PLR2004
        return _no_model(seen) if re.search(r"\bmodel\b", seen.words) else _no_address(seen)
    if status < _FIRST_NO_SUCCESS:
        return UpstreamUnavailableError("the model's server broke off with an error", retry_after_s=seen.pause_s)
    if status >= 500 or status in (408, 409, 425):  # noqa: PLR2004
        return UpstreamUnavailableError(f"the model's server answered {status}", retry_after_s=seen.pause_s)
    return UpstreamRejectedError(f"the model's server refused the request ({status})", code=str(status))


def _no_model(seen: _Seen) -> UpstreamError:
    return UpstreamRejectedError(
        f"the model's server does not know OPENAI_MODEL ({seen.status})", code="model_not_found"
    )


def _no_address(seen: _Seen) -> UpstreamError:
    text = f"there is no model's server at the path of OPENAI_BASE_URL ({seen.status}); most need /v1 at its end"
    return UpstreamRejectedError(text, code="wrong_address")


def _no_content(_: _Seen) -> UpstreamError:
    return UpstreamRejectedError("the model's server refused the content of the question", code="content_refused")


def _too_long(_: _Seen) -> UpstreamError:
    text = "the question with its context is too long for the model; lower OPENAI_MAX_CONTEXT_TOKENS"
    return UpstreamRejectedError(text, code="context_length_exceeded")


def _no_credit(_: _Seen) -> UpstreamError:
    text = "the model's account has no credit (this is not the rate limit); add credit at the provider"
    return UpstreamRejectedError(text, code="insufficient_quota")


def _no_key(seen: _Seen) -> UpstreamError:
    return UpstreamRejectedError(f"the model refuses OPENAI_API_KEY ({seen.status})", code="invalid_api_key")


def _no_roles(parameter: str) -> UpstreamError:
    text = "the model's server refuses the roles of the messages"
    return UpstreamRejectedError(text, code="roles_refused", parameters=(parameter,))


# The first that knows the refusal names it. Names of models and fields are common in other refusals, so they come late.
_JUDGES: tuple[_Judge, ...] = (
    _judge_redirect,
    _judge_content,
    _judge_place,
    _judge_length,
    _judge_credit,
    _judge_access,
    _judge_key,
    _judge_loading,
    _judge_roles,
    _judge_address,
    _judge_parameter,
    _judge_model,
    _judge_busy,
    _judge_hints,
)
_HINTED_BY_FAILURES: tuple[tuple[_Hint, _Build], ...] = (
    (phrases.hints_at_system, lambda _: _no_roles("system")),
    (phrases.hints_at_roles, lambda _: _no_roles("messages")),
    (phrases.hints_at_length, _too_long),
    (phrases.hints_at_no_model, _no_model),
)
_HINTED: tuple[tuple[_Hint, _Build], ...] = (
    (phrases.hints_at_filter, _no_content),
    (phrases.hints_at_broke, _no_credit),
    (phrases.hints_at_key, _no_key),
    *_HINTED_BY_FAILURES[:2],
    (phrases.hints_at_stream, lambda _: _refuse_parameters("stream")),
    (phrases.hints_at_length, _too_long),
    (phrases.hints_at_model, _no_model),
)
