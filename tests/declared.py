"""Every reply that the tests' client sees, held against the declaration of its method: its status, type and fields."""

import re
from functools import cache
from types import SimpleNamespace
from typing import Any

import msgspec

from web.app import build_application
from web.declare import Media, build_type
from web.handlers.about import rules_of
from web.handlers.openapi import Error
from web.handlers.operations import operations_of

# Replies of Tornado or of the edge that come before a method is found.
_NOT_OURS = (405,)

# What declarations and the table need of the site.
SITE: Any = SimpleNamespace(has_metrics=True, max_message_chars=1_000, request_limit=None)


@cache
def table():
    """Return the table of routes, with all features on."""
    return rules_of(build_application(SITE))


@cache
def operations():
    """Return the declared operations by handler and method."""
    return {(one.handler, one.method): one for one in operations_of(table())}


def hold(method, target, reply):
    """Hold a reply against the declaration of its method. Addresses and methods that do not exist have none."""
    path = target.partition("?")[0]
    handler = next((handler for pattern, handler in table() if re.fullmatch(pattern, path)), None)
    one = operations().get((handler, method))
    if one is None or reply.status in _NOT_OURS or (reply.status == 404 and path.startswith("/metrics")):
        return  # ENABLE_METRICS switches addresses off
    assert reply.status in one.statuses, f"{method} {target} answers {reply.status}, which is not declared"
    kind = reply.headers.get("content-type", "").partition(";")[0]
    form = form_of(one, reply.status, kind)
    if form is not None and reply.body and "content-encoding" not in reply.headers:
        faults = differences(form, reply.body)
        assert not faults, f"{method} {target} answers {reply.status} other than declared: {faults}"


@cache
def form_of(one, status, kind):
    """Return the declared msgspec type of a reply; None for one that is no JSON."""
    answer = one.answers.get(status, Error)
    parts = answer if isinstance(answer, tuple) else (answer,)
    kinds = {part.content_type if isinstance(part, Media) else "application/json": part for part in parts}
    if answer is None:
        return None  # no body; Tornado gives it a type
    if status >= 400 and kind == "text/html":
        return None  # browsers get errors as pages
    assert kind in kinds, f"{one.method} {one.path} answers {status} with {kind}, which is not declared"
    return build_type(kinds[kind], "Reply")


def differences(form, body):
    """Return why a JSON text is not of a form; also if it has more than the form says."""
    try:
        read = msgspec.json.decode(body, type=form)
    except msgspec.ValidationError as exc:
        return str(exc)
    return _more(msgspec.to_builtins(read), msgspec.json.decode(body), "$")


def _more(known, given, at):
    if isinstance(given, dict):
        more = given.keys() - known.keys()
        return (
            f"{at} also has {sorted(more)}"
            if more
            else _first(_more(known[name], value, f"{at}.{name}") for name, value in given.items())
        )
    if isinstance(given, list):
        return _first(_more(one, other, f"{at}[]") for one, other in zip(known, given, strict=True))
    return ""


def _first(texts):
    return next((text for text in texts if text), "")
