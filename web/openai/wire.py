"""Bodies of OpenAI's wire as msgspec types: decoding, and its errors as OpenAI says them.

Not here: the types of each address. Threads: any; pure.
"""

import re
from typing import TypeVar

import msgspec

from web.openai.base import ParameterError

B = TypeVar("B")

_UNKNOWN = re.compile(r"unknown field `([^`]*)`")
_MISSING = re.compile(r"missing required field `([^`]*)`")
# A value of the body.
_QUOTED = re.compile(r" '.*'")
_PLACE = re.compile(r" - at `\$\.?(.*)`$")


def decode_body(body: bytes, kind: type[B]) -> B:
    """Decode a JSON body.

    Raises:
        ParameterError: it is not JSON, or not of this type; the message names the parameter and never quotes the body.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as exc:
        raise _explain(str(exc)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ParameterError("We could not parse the JSON body of your request.") from None


def _explain(said: str) -> ParameterError:
    place = _PLACE.search(said)
    inside = place[1] if place else ""
    unknown, missing = _UNKNOWN.search(said), _MISSING.search(said)
    if unknown:
        name = unknown[1][:64]
        return ParameterError(f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
    if missing:
        name = f"{inside}.{missing[1]}" if inside else missing[1]
        return ParameterError(f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")
    what = _QUOTED.sub("", _PLACE.sub("", said))
    return ParameterError(f"Invalid value for '{inside}': {what}.", param=inside or None, code="invalid_value")
