"""Webhook bodies: parsers of every form that Omi sends or documents. Segments become the domain's values.

The fast path decodes documented bodies with msgspec; the tolerant path reads all others. A segment needs only its
`text`: a missing or invalid label gets a default, so that no speech is lost. A body is refused if decoding it would
block the event loop for too long.
Not here: tolerant JSON (edge/tolerant_json.py), the owner (intake.py). Threads: any; pure.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

import msgspec

from omi_actors.domain.hearing.segments import Segment
from omi_actors.errors import InvalidWebhookError, MalformedJsonError, TooManyValuesError
from web.edge.tolerant_json import (
    MAX_KEY_CHARS,
    declared_charset,
    decode_text,
    read_json,
    short_key,
    without_nul,
    without_surrogates,
)

_INT32 = 2**31
# More than the words of a whole day. Hearing a segment of that length takes 20 ms.
MAX_TEXT_CHARS = 1_000_000
# Seconds since a conversation began. The store would refuse a webhook with the largest floats.
_MAX_TIME_S = 1e9


class WireSegment(msgspec.Struct, gc=False):
    """A segment in JSON: Omi sends names in snake case; its documentation shows camel case."""

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
    """Decode a piece of JSON and return its segment, or its error as text."""
    try:
        wire = _decode(raw)
    except (ValueError, RecursionError):
        return _read_tolerantly(bytes(raw))
    return _build(wire)


def _read_tolerantly(raw: bytes) -> Segment | str:
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
    """Convert a decoded JSON value to a segment. For an invalid value return a text that names the wrong field."""
    if not isinstance(value, dict):
        return _NO_OBJECT
    text = value.get("text")
    if not isinstance(text, str):
        return ".text expected string"
    wire = WireSegment(
        text=without_surrogates(text),
        id=_label_text(value.get("id")),
        speaker=_label_text(value.get("speaker")),
        speaker_id=_int32(_either(value, "speaker_id", "speakerId")),
        is_user=_either(value, "is_user", "isUser") in (True, "true"),
        person_id=_label_text(_either(value, "person_id", "personId")),
        start=_seconds(value.get("start")),
        end=_seconds(value.get("end")),
    )
    return _build(wire)


def _label(text: str) -> str:
    """Return a speaker's label, shortened, since it is stored and sent to the model with every segment."""
    return short_key(text) if len(text) > MAX_KEY_CHARS else without_nul(text)


def _build(wire: WireSegment) -> Segment | str:
    if len(wire.text) > MAX_TEXT_CHARS:
        return f".text has more than {MAX_TEXT_CHARS} characters"
    start, end, speaker_id, is_user, person_id = wire.start, wire.end, wire.speaker_id, wire.is_user, wire.person_id
    # A comparison with NaN is false, too.
    start_s = start if start is not None and 0.0 <= start <= _MAX_TIME_S else 0.0
    return Segment(
        short_key(wire.id) if wire.id else "",
        without_nul(wire.text),
        _label(wire.speaker) if wire.speaker else "",
        speaker_id if speaker_id is not None else wire.camel_speaker_id,
        is_user if is_user is not None else bool(wire.camel_is_user),
        _label(person_id) if person_id else wire.camel_person_id and _label(wire.camel_person_id),
        start_s,
        end if end is not None and start_s <= end <= _MAX_TIME_S else start_s,
    )


def _either(value: dict[str, Any], snake: str, camel: str) -> Any:
    found = value.get(snake)
    return found if found is not None else value.get(camel)


def _label_text(value: Any) -> str | None:
    if isinstance(value, str):
        return without_surrogates(value)
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


# Signs that a conversation is over, in a segment or beside the segments. A first, fast search finds hardly any body.
_END_HINTS = (b'final"', b'"is_last_segment"', b'"segment_type"', b'"end":true', b'"end": true')
_SAYS_END = re.compile(
    rb'"(?:end|final|is_final|is_last_segment)"\s*:\s*true\b|"segment_type"\s*:\s*"end"',
)


def says_end(body: bytes) -> bool:
    """Return True if a body says that its conversation is over. A quotation mark within a text has a backslash."""
    for hint in _END_HINTS:  # nearly every body runs this: half the time of any()
        if hint in body:
            return _SAYS_END.search(body) is not None
    return False


TRANSCRIPT: Final = "realtime_transcript"
OTHER: Final = "other"
# Fields that decide the kind of a body, in order of precedence.
_MARKS: Final = {
    "transcript_segments": "memory_created",
    "structured": "memory_created",
    "discarded": "memory_created",
    "summary_json": "day_summary",
    "tool_name": "chat_tool",
}
# Invalid segments that are named; the others are counted.
_NAMED = 5
# Three times the real segments that a body of the largest default size can hold.
MAX_SEGMENTS = 200_000
# Commas or brackets: more than MAX_SEGMENTS real segments have. Decoding takes 50 ms in one call, before segments can
# be counted.
MAX_MARKS = 600_000


@dataclass(frozen=True, slots=True)
class Payload:
    """A parsed body. `owner` and `session_id` are values in the body, "" if missing.

    `keep_as` is the kind under which the whole body is stored, with `event_id` as its id; None for a plain transcript.
    `drop_note` names invalid segments; "" if there are none.
    """

    kind: str
    owner: str
    session_id: str
    segments: list[Segment]
    invalid_count: int
    drop_note: str
    keep_as: str | None
    event_id: str


_ABSENT = msgspec.Raw()


class _Transcript(msgspec.Struct, gc=False):
    """The usual body. Segments stay undecoded, so that an invalid one does not affect the others."""

    segments: list[msgspec.Raw]
    uid: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    camel_user_id: str | None = msgspec.field(default=None, name="userId")
    camel_session_id: str | None = msgspec.field(default=None, name="sessionId")
    transcript_segments: msgspec.Raw = _ABSENT
    structured: msgspec.Raw = _ABSENT
    discarded: msgspec.Raw = _ABSENT
    summary_json: msgspec.Raw = _ABSENT
    tool_name: msgspec.Raw = _ABSENT


_decode_transcript = msgspec.json.Decoder(_Transcript).decode
_decode_array = msgspec.json.Decoder(list[msgspec.Raw]).decode


def parse_payload(body: bytes, content_type: str) -> Payload:
    """Parse a body.

    Raises:
        MalformedJsonError: the body is not JSON. TooManyValuesError: the body has too many values. InvalidWebhookError:
        the body is JSON, but not in a form of a webhook.
    """
    if len(body) > MAX_MARKS and any(body.count(mark) > MAX_MARKS for mark in (b",", b"[", b"{")):
        raise TooManyValuesError(f"The body has more than {MAX_MARKS} values: send them in several webhooks.")
    if declared_charset(content_type) is None:
        try:
            if body[:1] == b"[":
                return _transcript(_decode_array(body), read_segment, path="$")
            wire = _decode_transcript(body)
        except (ValueError, RecursionError):
            pass  # another kind, or an odd transcript
        else:
            if _is_plain(wire):
                owner = wire.uid or wire.user_id or wire.camel_user_id or ""
                session_id = wire.session_id or wire.camel_session_id or ""
                return _transcript(wire.segments, read_segment, owner=owner, session_id=session_id)
    return _parse_tolerantly(read_json(decode_text(body, content_type)))


def _is_plain(wire: _Transcript) -> bool:
    return (
        wire.transcript_segments is _ABSENT
        and wire.structured is _ABSENT
        and wire.discarded is _ABSENT
        and wire.summary_json is _ABSENT
        and wire.tool_name is _ABSENT
    )


def _parse_tolerantly(value: Any) -> Payload:
    if isinstance(value, list):
        return _transcript(value, segment_of, path="$")
    if not isinstance(value, dict):
        raise InvalidWebhookError("The body is neither an object nor an array.", reason="not_an_object")
    segments = value.get("segments")
    if segments is not None and not isinstance(segments, list):
        raise InvalidWebhookError("`segments` is not an array.", reason="segments_not_an_array")
    owner = _first_text(value, "uid", "user_id", "userId")
    session_id = _first_text(value, "session_id", "sessionId")
    transcript = _transcript(segments or [], segment_of, owner=owner, session_id=session_id)
    kind = next((kind for mark, kind in _MARKS.items() if value.get(mark) is not None), None)
    if kind is None and "segments" in value:
        return transcript
    summary = value.get("summary_json")
    event_id = _first_text(summary, "id") if isinstance(summary, dict) else _first_text(value, "id")
    return replace(transcript, kind=kind or OTHER, keep_as=kind or OTHER, event_id=event_id)


def _transcript(
    pieces: Sequence[Any],
    read: Callable[[Any], Segment | str],
    *,
    path: str = "$.segments",
    owner: str = "",
    session_id: str = "",
) -> Payload:
    if len(pieces) > MAX_SEGMENTS:
        raise InvalidWebhookError(f"`{path}` has more than {MAX_SEGMENTS} segments.", reason="too_many_segments")
    segments, faults, fault_count = [], [], 0
    for index, piece in enumerate(pieces):
        segment = read(piece)
        if isinstance(segment, Segment):
            segments.append(segment)
        else:
            fault_count += 1
            if fault_count <= _NAMED:
                faults.append(f"{path}[{index}]{segment}")
    note = _note(faults, fault_count, len(pieces)) if fault_count else ""
    return Payload(TRANSCRIPT, owner, session_id, segments, fault_count, note, None, "")


def _note(faults: list[str], fault_count: int, total: int) -> str:
    more = f", and {fault_count - len(faults)} more" if fault_count > len(faults) else ""
    return f"{fault_count} of {total} segments invalid: {', '.join(faults)}{more}"


def _first_text(value: dict[str, Any], *names: str) -> str:
    for name in names:
        word = value.get(name)
        if word and isinstance(word, str | int) and not isinstance(word, bool):
            return str(word)
    return ""
