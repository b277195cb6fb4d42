"""The words of an error body in any form, as lines `field: text`; and the pause that a server asks for.

Not here: the meaning of the words (model_refusals.py). Threads: none, pure.
Bodies are objects, lists, JSON within strings, FastAPI's lists of `loc`, plain text, HTML. Values that repeat the
request are left out, so that a person's words are not taken for the server's.
"""

import json
import re
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from itertools import islice

# Characters of one text: the reason stands at its beginning, traces and templates follow.
_TEXT_CHARS = 2_000
# Texts of one body, and levels of it: more than any server's, and little work.
_TEXTS = 200
_LEVELS = 12
# Fields that repeat the request or tell only where to read on.
_ECHOES = frozenset(
    {
        *("input", "input_value", "inputs", "instances", "ctx", "messages", "prompt", "content", "text"),
        *("request", "request_body", "failed_generation", "previous_errors"),
        *("url", "documentation_url", "doc_url", "help", "more_info", "links", "innererror"),
    }
)
# The same within a text: a Python or JSON literal; a message with its role.
_ECHO_IN_TEXT = re.compile(
    r"""(?i)(['"]?\b(?:input|input_value|content|prompt)['"]?\s*[:=]\s*)(?:'[^']*'|"[^"]*"|\{[^}]*\}|\[[^\]]*\])"""
    r"""|()\{[^{}]*['"]role['"][^{}]*\}"""
)
_TAG = re.compile(r"<(?:script|style)\b.*?</(?:script|style)>|<[^>]*>", re.DOTALL | re.IGNORECASE)


def find_words(body: object) -> str:
    """Return the body's texts in lower case, each on a line behind the name of its field."""
    if isinstance(body, bytes | bytearray | memoryview):
        body = bytes(body).decode("utf-8", "replace")
    return "\n".join(islice(_walk(body, "", _LEVELS), _TEXTS))


def _walk(value: object, name: str, levels: int) -> Iterator[str]:
    if levels == 0 or name in _ECHOES:
        return
    match value:
        case list() if name == "loc":
            yield f"loc: {'.'.join(map(str, value))}".lower()
        case Mapping() | list():
            for key, inner in value.items() if isinstance(value, Mapping) else ((name, inner) for inner in value):
                yield from _walk(inner, str(key).lower(), levels - 1)
        case str():
            yield from _walk_text(value, name, levels)
        case int() | float():
            yield f"{name}: {value}"


def _walk_text(text: str, name: str, levels: int) -> Iterator[str]:
    text = text.strip().removeprefix("\ufeff")
    if text.startswith(("{", "[", '"')):
        try:
            parsed = json.loads(text)
        except (ValueError, RecursionError):
            parsed = None
        if parsed is not None:
            yield from _walk(parsed, name, levels - 1)
            return
    if text.startswith("<"):
        yield "html: page"
        text = _TAG.sub(" ", text)
    short = _ECHO_IN_TEXT.sub(r"\1…", text[:_TEXT_CHARS])
    yield f"{name}: {' '.join(short.split())}".lower()


# Seconds: the longest pause that is taken at its word.
_LONGEST_S = 86_400.0
_NUMBER = r"\d+(?:\.\d+)?"
_DURATION = re.compile(rf"({_NUMBER}) *(ms|milli\w*|seconds?|secs?|s|minutes?|mins?|m|hours?|h)?(?![a-z])")
_PAUSE = re.compile(
    r"(?m)(?:(?:try again|retry(?:ing)?|wait)(?: after| in| for| at least| about)+:? *"
    r"|^(?P<field>retry_?-?(?:after|delay)_?(?:s|seconds|ms)?|estimated_time|wait_(?:time|seconds)): *)"
    rf"(?P<time>(?:{_NUMBER} *[a-z]* *)+)"
)


def find_pause_s(headers: Mapping[str, str], words: str) -> float | None:
    """Return the seconds that the server asks to wait, by its headers, else by its words; None if it names no time."""
    lower = {name.lower(): value for name, value in headers.items()}
    found = _read_header(lower.get("retry-after-ms"), 0.001)
    if found is None:
        found = _read_header(lower.get("retry-after"), 1.0)
    if found is None:
        found = _seconds_between(lower.get("date"), lower.get("retry-after"))
    if found is None:
        found = _find_in_words(words)
    return None if found is None else min(max(found, 0.0), _LONGEST_S)


def _read_header(value: str | None, unit_s: float) -> float | None:
    match = re.fullmatch(rf"\s*({_NUMBER})\s*s?\s*", value or "")
    return float(match[1]) * unit_s if match else None


def _seconds_between(date: str | None, later: str | None) -> float | None:
    """Return the seconds between two of the server's dates, so that our clock may be wrong."""
    try:
        return (parsedate_to_datetime(later or "") - parsedate_to_datetime(date or "")).total_seconds()
    except (TypeError, ValueError):
        return None


def _find_in_words(words: str) -> float | None:
    match = _PAUSE.search(words)
    if match is None:
        return None
    parts = _DURATION.findall(match["time"])
    default_s = 0.001 if (match["field"] or "").endswith("ms") else 1.0
    return sum(float(number) * _unit_s(unit, default_s) for number, unit in parts) if parts else None


def _unit_s(unit: str, default_s: float) -> float:
    """Return the seconds of a time unit. `milliseconds` is tested first, since `minutes` begins with an m, too."""
    if not unit:
        return default_s
    if unit.startswith(("ms", "milli")):
        return 0.001
    return {"s": 1.0, "m": 60.0, "h": 3600.0}[unit[0]]
