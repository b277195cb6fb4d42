"""Accept log: webhooks that the server acknowledged, and persons' changes, written outside the server's process.

Not here: the comparison with the server's data (verify.py, people_judge.py). Threads: one; each line is flushed at
once, so the log survives the death of the server and of the sender.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from scripts.lab.replay.recording import RecordedRequest

_WAKE_PHRASE = "hey omi"


class Promise(msgspec.Struct, frozen=True, tag="webhook"):
    """Promise of one acknowledged webhook: these segments are stored, and these questions (texts) get an answer."""

    uid: str
    segment_ids: tuple[str, ...]
    questions: tuple[str, ...]


class Deed(msgspec.Struct, frozen=True, tag="deed"):
    """A person's change of one thing: what `key` names has this `value` then; None: it is gone.

    Written before it is sent, and again when it is acknowledged. Deeds with one `change` were one request.
    """

    person: str
    what: str
    key: str
    value: str | None
    change: int
    is_acknowledged: bool = False


class _SentSegment(msgspec.Struct):
    id: str | None = None
    text: str | None = None


class _SentBatch(msgspec.Struct):
    segments: list[_SentSegment] = []


_DECODER = msgspec.json.Decoder(_SentBatch | list[_SentSegment])


def build_promise(request: RecordedRequest) -> Promise:
    """Return the promise that the server makes if it acknowledges this webhook. Segments without an id are left out.

    A question is a segment with the wake phrase and a question mark at its end.
    """
    try:
        batch = _DECODER.decode(request.payload())
    except (msgspec.DecodeError, msgspec.ValidationError):
        return Promise(request.query.get("uid", ""), (), ())
    segments = batch.segments if isinstance(batch, _SentBatch) else batch
    texts = [segment.text or "" for segment in segments if segment.id]
    return Promise(
        uid=request.query.get("uid", ""),
        segment_ids=tuple(segment.id for segment in segments if segment.id),
        questions=tuple(text for text in texts if _WAKE_PHRASE in text.lower() and text.rstrip().endswith("?")),
    )


class AcceptLog:
    """A file to which every promise is appended and flushed."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._out: BinaryIO = file.open("ab", buffering=0)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._out.close()

    def append(self, *entries: Promise | Deed) -> None:
        """Write a line for each, and flush them to the operating system before the return."""
        self._out.write(b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries))


def load_promises(file: Path) -> Iterable[Promise]:
    """Yield the promises of a log in the order of their acknowledgement."""
    return (entry for entry in _load(file) if isinstance(entry, Promise))


def load_deeds(file: Path) -> Iterable[Deed]:
    """Yield the deeds of a log in the order in which they were sent and acknowledged."""
    return (entry for entry in _load(file) if isinstance(entry, Deed))


def _load(file: Path) -> Iterator[Promise | Deed]:
    decoder: msgspec.json.Decoder[Promise | Deed] = msgspec.json.Decoder(Promise | Deed)
    with file.open("rb") as lines:
        for line in lines:
            yield decoder.decode(line)
