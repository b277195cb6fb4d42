"""Recordings: webhooks with the times of their arrival, one JSON object a line.

Only the query parameters and headers listed here are kept, so that no secret enters a recording. Not here: invented
conversations (generator.py), sending (sender.py). Threads: any, blocking file access.
"""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

# Allow-lists, so that a token under an unexpected name is left out, too.
KEPT_QUERY = frozenset({"uid", "session_id"})
KEPT_HEADERS = frozenset({"content-type", "idempotency-key", "x-omi-event"})


class RecordedRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A POST. `at_s` is in seconds from the recording's beginning. A body that is not UTF-8 is in `body_base64`."""

    at_s: float
    path: str
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    body: str = ""
    body_base64: str = ""

    def payload(self) -> bytes:
        """Return the body as the bytes that are sent."""
        return base64.b64decode(self.body_base64) if self.body_base64 else self.body.encode()


def build_webhook(uid: str, segments: Sequence[Mapping[str, object]], *, at_s: float = 0.0) -> RecordedRequest:
    """Build a real-time transcript webhook of one wearer, as Omi sends it."""
    return RecordedRequest(
        at_s=at_s,
        path="/omi-webhook",
        query={"uid": uid},
        headers={"content-type": "application/json"},
        body=json.dumps({"session_id": uid, "segments": segments}),
    )


def build_request(
    at_s: float, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
) -> RecordedRequest:
    """Build the record of a request, without its secrets."""
    try:
        text, encoded = body.decode(), ""
    except UnicodeDecodeError:
        text, encoded = "", base64.b64encode(body).decode()
    return RecordedRequest(
        at_s=at_s,
        path=path,
        query={name: value for name, value in query.items() if name in KEPT_QUERY},
        headers={name.lower(): value for name, value in headers.items() if name.lower() in KEPT_HEADERS},
        body=text,
        body_base64=encoded,
    )


def save_recording(file: Path, requests: Iterable[RecordedRequest]) -> None:
    """Write a recording, replacing the file."""
    with file.open("wb") as out:
        out.writelines(msgspec.json.encode(request) + b"\n" for request in requests)


def load_recording(file: Path) -> list[RecordedRequest]:
    """Load a recording, ordered by time, without blank lines.

    Raises: ValueError if a line is not a record; the message names the line.
    """
    decoder = msgspec.json.Decoder(RecordedRequest)
    requests = []
    for number, line in enumerate(file.read_bytes().splitlines(), start=1):
        if not line.strip():
            continue
        try:
            requests.append(decoder.decode(line))
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise ValueError(f"{file}, line {number}: {error}") from error
    return sorted(requests, key=lambda request: request.at_s)
