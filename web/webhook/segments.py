"""One segment: from the wire to the domain's value, fast when it is as documented, patient when it is not.

Not here: the bodies that hold segments (webhook/payloads.py), what a segment means (omi_actors/domain). Threads: any,
pure. Only `text` is demanded. Whatever else is missing or odd gets a harmless value: speech is not lost over a label.
"""

import hashlib
import re
from typing import Annotated, Any

import msgspec

from omi_actors.domain.hearing.segments import Segment
from omi_actors.errors import MalformedJsonError, TooManyValuesError
from web.edge.tolerant_json import decode_text, read_json

_SURROGATE = re.compile("[\ud800-\udfff]")
# What the store's indexes take with ease, and no longer are labels; Omi's ids have 36.
_MAX_KEY = 200
_INT32 = 2**31
# A segment is what somebody said without a pause; a whole day's words are fewer. Hearing one takes 20 ms, at a stretch.
MAX_TEXT_CHARS = 1_000_000
# Characters that are looked through in one call, which nothing interrupts.
_PIECE = 64 * 1024
# Seconds since a conversation began; the store refuses the largest floats, and with them their whole webhook.
_MAX_TIME_S = 1e9


class WireSegment(msgspec.Struct, gc=False):
    """A segment as it comes: snake case as Omi sends it, camel case as its documentation shows it."""

    text: str
    id: str | None = None
    speaker: str | None = None
    speaker_id: Annotated[int, msgspec.Meta(ge=-_INT32, lt=_INT32)] | None = None
    is_user: bool | None = None
    person_id: str | None = None
    start: float | None = None
    end: float | None = None
    camel_speaker_id: Annotated[int, msgspec.Meta(ge=-_INT32, lt=_INT32)] | None = msgspec.field(
        default=None, name="speakerId"
    )
    camel_is_user: bool | None = msgspec.field(default=None, name="isUser")
    camel_person_id: str | None = msgspec.field(default=None, name="personId")


_NO_OBJECT = " expected object"
_decode = msgspec.json.Decoder(WireSegment).decode


def read_segment(raw: msgspec.Raw) -> Segment | str:
    """Return the segment of an undecoded piece of JSON, or what is wrong with it."""
    try:
        wire = _decode(raw)
    except (ValueError, RecursionError):
        return _read_patiently(bytes(raw))
    return _build(wire)


def _read_patiently(raw: bytes) -> Segment | str:
    if raw[:1] != b"{":
        return _NO_OBJECT
    try:
        value = read_json(decode_text(raw))
    except TooManyValuesError:
        return " has too many values"
    except MalformedJsonError:
        return " cannot be read"
    return segment_of(value)


def segment_of(value: Any) -> Segment | str:
    """Return the segment of a decoded JSON value, or what is wrong with it (with its path below the segment)."""
    if not isinstance(value, dict):
        return _NO_OBJECT
    text = value.get("text")
    if not isinstance(text, str):
        return ".text expected string"
    wire = WireSegment(
        text=_without_surrogates(text),
        id=_word(value.get("id")),
        speaker=_word(value.get("speaker")),
        speaker_id=_int32(_either(value, "speaker_id", "speakerId")),
        is_user=_either(value, "is_user", "isUser") in (True, "true"),
        person_id=_word(_either(value, "person_id", "personId")),
        start=_seconds(value.get("start")),
        end=_seconds(value.get("end")),
    )
    return _build(wire)


def short_key(key: str) -> str:
    """Return a sender's key as the store may index it: the same for the same, never long, without NUL."""
    if len(key) > _MAX_KEY:
        return "sha256:" + hashlib.sha256(key.encode(errors="replace")).hexdigest()
    return _without_nul(_without_surrogates(key))


def _build(wire: WireSegment) -> Segment | str:
    if len(wire.text) > MAX_TEXT_CHARS:
        return f".text has more than {MAX_TEXT_CHARS} characters"
    start, end, speaker_id, is_user, person_id = wire.start, wire.end, wire.speaker_id, wire.is_user, wire.person_id
    # Comparing with NaN is false, too.
    start_s = start if start is not None and 0.0 <= start <= _MAX_TIME_S else 0.0
    return Segment(
        short_key(wire.id) if wire.id else "",
        _without_nul(wire.text),
        _label(wire.speaker) if wire.speaker else "",
        speaker_id if speaker_id is not None else wire.camel_speaker_id,
        is_user if is_user is not None else bool(wire.camel_is_user),
        _label(person_id) if person_id else wire.camel_person_id and _label(wire.camel_person_id),
        start_s,
        end if end is not None and start_s <= end <= _MAX_TIME_S else start_s,
    )


def _label(text: str) -> str:
    """Return who spoke: of no length, since it goes along with every word into memory and prompts."""
    return short_key(text) if len(text) > _MAX_KEY else _without_nul(text)


def _without_nul(text: str) -> str:
    return text.replace("\0", "") if "\0" in text else text


def _without_surrogates(text: str) -> str:
    pieces = (text[at : at + _PIECE] for at in range(0, len(text), _PIECE))
    return "".join(_SURROGATE.sub("\ufffd", piece) for piece in pieces)


def _either(value: dict[str, Any], snake: str, camel: str) -> Any:
    found = value.get(snake)
    return found if found is not None else value.get(camel)


def _word(value: Any) -> str | None:
    if isinstance(value, str):
        return _without_surrogates(value)
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _int32(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    is_int = isinstance(value, int) and not isinstance(value, bool)
    return value if is_int and -_INT32 <= value < _INT32 else None


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None
