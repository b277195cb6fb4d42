"""Accept log: the webhooks that the server acknowledged, written outside the server's process.

Not here: the comparison with the server's data (verify.py). Threads: one; each line is flushed at once, so the log
survives the death of the server and of the sender.
"""

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from scripts.lab.replay.recording import RecordedRequest

_WAKE_PHRASE = "hey omi"


class Promise(msgspec.Struct, frozen=True):
    """Promise of one acknowledged webhook: these segments are stored, and these questions (texts) get an answer."""

    uid: str
    segment_ids: tuple[str, ...]
    questions: tuple[str, ...]


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

    def append(self, promise: Promise) -> None:
        """Write one line, and flush it to the operating system before the return."""
        self._out.write(msgspec.json.encode(promise) + b"\n")


def load_promises(file: Path) -> Iterable[Promise]:
    """Yield the promises of a log in the order of their acknowledgement."""
    decoder = msgspec.json.Decoder(Promise)
    with file.open("rb") as lines:
        for line in lines:
            yield decoder.decode(line)
