"""Segments: the pieces of transcript that a wearable's platform sends, as values.

Structs rather than dataclasses: thousands are made in one turn, and these cost a tenth. Not here: parsing of payloads
(web/), what a segment means (domain/hearing/hearing.py), rows (store/). Threads: none, pure. Source: Omi's real-time
transcript webhook.
"""

import msgspec


class Segment(msgspec.Struct, frozen=True, gc=False):
    """One piece of speech as it arrived.

    `segment_id` is the sender's id, "" when it sent none. `start_s` and `end_s` are seconds since the *conversation*
    began (not since the epoch), finite and ≥ 0. `text` is free of NUL and lone surrogates; it may be blank.
    """

    segment_id: str
    text: str
    speaker: str
    speaker_id: int | None
    is_user: bool
    person_id: str | None
    start_s: float
    end_s: float


class StoredSegment(msgspec.Struct, frozen=True, gc=False):
    """A segment with its place: `seq` counts a session's segments from 1 and orders its transcript.

    `key` is unique within the session: the sender's id, or a synthetic one (see transcript.py). `created_at` is UTC
    seconds since the epoch.
    """

    key: str
    seq: int
    conversation_id: str
    text: str
    speaker: str
    speaker_id: int | None
    is_user: bool
    person_id: str | None
    start_s: float
    end_s: float
    created_at: float
