"""Reader of a stream of events, each a JSON value: bytes in, events out.

It also reads what servers send in its place, whatever the content type says: JSON lines, or one JSON value.
Not here: the meaning of the values (completion_stream.py). Threads: none, pure.
Source: the WHATWG standard "Server-sent events". Beyond it an event needs no empty line once its JSON is complete.
"""

import json
import re
from typing import Any, NamedTuple

from omi_actors.errors import UpstreamUnavailableError

_DONE = "DONE"
_LINE_ENDS = (b"\n", b"\r")
_BOM = "\ufeff"
_FIELD = "data"
_FIELDS = (":", "event", "id", "retry")
_JSON_STARTS = ("{", "[")
_JSON_IN_JSON = '"{'
_JSON_ENDS = ("}", "]")
_LAST_BYTES = b"}] \t"
# A text of JSON, or a comma that ends a list or object; and an escape within a text, or a backslash that begins none.
_TEXT_OR_COMMA = re.compile(r'"(?:[^"\\]|\\.)*"|,(?=\s*[}\]])', re.DOTALL)
_ESCAPE = re.compile(r'\\(["\\/bfnrt]|u[0-9a-fA-F]{4})|\\')
# More digits than any number that is read here; int() of thousands of digits is refused by Python.
_MAX_DIGITS = 300
# Between values on one line: a gateway has lost the line ends, or has written them as escapes.
_BETWEEN = re.compile(r"(?:\s|\\[rn]|data:)*")
_DONE_AT_END = re.compile(r"(?<=[}\]])(?:\s|\\[rn]|data:)*\[DONE\](?:\s|\\[rn])*$")
_LONGEST_END = 16


def _parse_int(digits: str) -> float:
    return int(digits) if len(digits) < _MAX_DIGITS else 0


_DECODER = json.JSONDecoder(strict=False, parse_int=_parse_int)


class Event(NamedTuple):
    """An event; its name is mostly "". `value` is a JSON value, or the text if that is no JSON (`is_broken`)."""

    name: str
    value: Any
    is_broken: bool = False


class EventReader:
    r"""Reader of one stream. `max_line_bytes` bounds its memory, `max_bytes` the stream.

    Example:
        reader = EventReader(max_line_bytes=65_536, max_bytes=1_000_000)
        reader.feed(b'data: {"a": 1}\n\ndata: [DONE]\n\n')  # [Event("", {"a": 1})], and is_done is True
    """

    def __init__(self, *, max_line_bytes: int, max_bytes: int) -> None:
        # The stream has said its end; nothing is read after it.
        self.is_done = False
        # The first line, if it is that of a page for a browser, or plain words.
        self.page = self.words = ""
        self._max_line_bytes = max_line_bytes
        self._left_bytes = max_bytes
        # Nothing but empty lines has come.
        self.is_empty = True
        self._is_first = True
        # The unfinished last line, and whether the last byte before it was a carriage return.
        self._rest = bytearray()
        self._is_after_cr = False
        self._name = ""
        # The lines of an unfinished event; a bare one has no field names: it is JSON as such.
        self._lines: list[str] = []
        self._lines_bytes = 0
        self._is_bare = False

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes; return the events that they complete.

        Raises:
            UpstreamUnavailableError: an event or the stream is too long.
        """
        if self.is_done:
            return []
        if self._is_after_cr and data.startswith(b"\n"):
            data = data[1:]
        self._is_after_cr = data.endswith(b"\r")
        self.is_empty = self.is_empty and not data.strip()
        self._left_bytes -= len(data)
        self._rest += data
        lines: list[bytes] = []
        if b"\n" in data or b"\r" in data:
            lines = bytes(self._rest).splitlines(keepends=True)
            self._rest = bytearray(b"" if lines[-1].endswith(_LINE_ENDS) else lines.pop())
        events: list[Event] = []
        for line in lines:
            self._read_line(line.decode("utf-8", "replace").rstrip("\r\n"), events)
        self._peek(events)
        if self._left_bytes < 0 or len(self._rest) + self._lines_bytes > self._max_line_bytes:
            raise UpstreamUnavailableError("the model's server sent more bytes than an answer may have")
        return events

    def finish(self) -> list[Event]:
        """End the stream; return its last events, which may lack their ends."""
        events: list[Event] = []
        if not self.is_done:
            self._read_line(self._rest.decode("utf-8", "replace"), events)
            self._dispatch(events)
        return events

    def _peek(self, events: list[Event]) -> None:
        """Read the last line too if it ends an event: the server may send no more, and not close the connection."""
        if self.is_done or (self._rest and self._rest[-1] not in _LAST_BYTES):
            return
        rest = self._rest.rstrip()
        text = rest.decode("utf-8", "replace")
        last = text if self._is_bare else _read_data(text)
        lines = [*self._lines, last] if last else self._lines
        if lines and lines[-1].rstrip().endswith(_JSON_ENDS) and self._take_whole(lines, events):
            self._rest.clear()

    def _read_line(self, line: str, events: list[Event]) -> None:
        if self.is_done:
            return
        if self._is_first and line.strip():
            line, self._is_first = line.lstrip(_BOM), False
            self.page = line if line.lstrip().startswith("<") else ""
            self.words = "" if line.startswith(_FIELDS) or _read_data(line) is not None else line
        if self._is_bare and self._lines and not line.startswith(_FIELD):
            self._add(line, events) if line.strip() else self._take_whole(self._lines, events)
        elif not line:
            self._dispatch(events)
        elif line.startswith("event:"):
            self._name = line.removeprefix("event:").strip()
        else:
            self._read_field(line, events)

    def _read_field(self, line: str, events: list[Event]) -> None:
        data = _read_data(line)
        if data is not None:
            if self._is_bare:
                self._dispatch(events)
            self._is_bare = not line.startswith(_FIELD)
            self._add(data, events)

    def _add(self, data: str, events: list[Event]) -> None:
        """Add a line to the event. A first line that is whole JSON is an event at once; it needs no empty line."""
        is_alone = not self._lines or _is_done(data) or not self._lines[0].startswith(_JSON_STARTS)
        if is_alone:
            if self._lines:
                self._dispatch(events)
            if self._take_whole([data], events):
                return
        self._lines.append(data)
        self._lines_bytes += len(data)

    def _take_whole(self, lines: list[str], events: list[Event]) -> bool:
        """Take these lines as an event if they are its whole JSON; return False otherwise."""
        text = "\n".join(lines).strip()
        before = _DONE_AT_END.sub("", text) if _DONE in text[-_LONGEST_END:] else text
        if _is_done(text):
            self.is_done = True
        elif (values := _parse(before)) is not None:
            events += [Event(self._name, value) for value in values]
            self.is_done = before != text or self._name == "done"
        else:
            return False
        self._clear()
        return True

    def _dispatch(self, events: list[Event]) -> None:
        """End the event: its lines are one JSON value or several, mended JSON, or a broken event."""
        lines = [line for line in self._lines if line.strip()]
        if lines and not self._take_whole(lines, events) and not self._take_whole([_mend("\n".join(lines))], events):
            # Some servers end no event by an empty line: then each line is one.
            values = [_parse(line.strip()) for line in lines]
            if len(lines) > 1 and any(values):
                for line, found in zip(lines, values, strict=True):
                    events += [Event(self._name, value) for value in found or []] or [
                        Event(self._name, line, is_broken=True)
                    ]
            else:
                events.append(Event(self._name, "\n".join(lines), is_broken=True))
        self._clear()
        self._name = ""

    def _clear(self) -> None:
        self._lines, self._lines_bytes, self._is_bare = [], 0, False


def _is_done(text: str) -> bool:
    """Return True for the words that end a stream, as all servers spell them."""
    return text.strip(' "[]').upper() == _DONE


def _read_data(line: str) -> str | None:
    """Return the data of a line: of the field `data`, or bare JSON; None for comments and other fields."""
    if line.startswith("\\"):
        line = _BETWEEN.sub("", line, count=1)
    field, colon, data = line.partition(":")
    if field.strip().lower() == _FIELD:
        # Some gateways write the field's name twice.
        return data.removeprefix(" ").removeprefix("data:").removeprefix(" ") if colon else ""
    line = line.lstrip(_BOM)
    return line if line.lstrip().startswith((*_JSON_STARTS, _JSON_IN_JSON)) else None


def _mend(text: str) -> str:
    """Return JSON without needless commas, and with each backslash that begins no escape doubled."""
    return _TEXT_OR_COMMA.sub(lambda found: _ESCAPE.sub(_mend_escape, found.group().rstrip(",")), text)


def _mend_escape(found: re.Match[str]) -> str:
    return found.group() if found[1] else r"\\"


def _parse(text: str) -> list[Any] | None:
    """Return the JSON values of a text, which begins with an object or a list; None if it is no JSON."""
    if text.startswith(_JSON_IN_JSON):
        text = _unquote(text)
    if not text.startswith(_JSON_STARTS):
        return None
    values, at = [], 0
    try:
        while at < len(text):
            value, at = _DECODER.raw_decode(text, at)
            values.append(value)
            if gap := _BETWEEN.match(text, at):
                at = gap.end()
    except (ValueError, RecursionError):
        return None
    return values


def _unquote(text: str) -> str:
    """Return the JSON within a JSON text: some gateways write their events so."""
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, str) else text
