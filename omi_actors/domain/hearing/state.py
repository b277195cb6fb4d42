"""What a session remembers of what it heard, and how it listens: values.

Not here: how they change (listener.py, overhearing.py), what callers call (hearing.py). Threads: none, pure.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from omi_actors.domain.hearing.speech import FoundQuestion, Piece

# Speakers remembered while they say nothing to us, and at all.
IDLE_LIMIT = 2
SPEAKERS_LIMIT = 6
# Segments remembered in which questions were put.
ASKED_LIMIT = 8
# The halves of a wake phrase lie no further apart (s), in speech and in arrival.
SPLIT_S = 5.0
SPLIT_ARRIVAL_S = 10.0
# Characters of one segment that are listened to: no speech is longer.
HEARD_CHARS = 4_000


class ListenMode(StrEnum):
    """When speech is a question: after a wake phrase; also soon after a reply; always."""

    TRIGGER = "TRIGGER"
    FOLLOWUP = "FOLLOWUP"
    ALWAYS = "ALWAYS"


@dataclass(frozen=True, slots=True)
class HearingOptions:
    """How a session listens. Times in seconds.

    `pause_s`: silence that ends a question, twice that where it breaks off or has hardly begun. `wake_wait_s`: how long
    the words may come after the wake phrase. `hard_cap_s` and `max_chars`: no question is longer.
    """

    names: tuple[str, ...] = ("omi",)
    mode: ListenMode = ListenMode.TRIGGER
    pause_s: float = 2.0
    wake_wait_s: float = 8.0
    hard_cap_s: float = 30.0
    followup_s: float = 8.0
    near_duplicate_s: float = 10.0
    max_chars: int = 1_000


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, by whom, and the segment in which it was put: `ordinal` counts that segment's from 0.

    `asked_at` (UTC seconds) is when its last words came.
    """

    text: str
    segment_key: str
    conversation_id: str
    ordinal: int = 0
    speaker: str = ""
    asked_at: float = 0.0


class OpenUtterance(msgspec.Struct, frozen=True, gc=False):
    """One speaker's last words. `question` is what was said of an open one, perhaps nothing yet; None: none is open."""

    speaker: str
    pieces: tuple[Piece, ...]
    scanned: int
    last_start_s: float
    last_end_s: float
    heard_at: float
    opened_at: float
    opened_start_s: float
    question: FoundQuestion | None = None
    without_wake: bool = False


class HearingState(msgspec.Struct, frozen=True, gc=False):
    """What a session remembers of what it heard: some hundred bytes while nobody speaks to it.

    `asked` are digests of the last segments in which questions were put, each with the ordinal of its latest; `recent`
    are the last questions' normalised words with the time.
    """

    conversation_id: str = ""
    ears: tuple[OpenUtterance, ...] = ()
    asked: tuple[tuple[int, int], ...] = ()
    recent: tuple[tuple[str, float], ...] = ()
    asker: str = ""
    replied_at: float = -math.inf


class HearingResult(msgspec.Struct, frozen=True):
    """What to do after listening: `deadline` is when to call `pause_over`, None when nothing is awaited."""

    state: HearingState
    questions: tuple[Question, ...]
    deadline: float | None


DEFAULTS = HearingOptions()
SILENT = HearingState()


# What the keys of heard questions begin with; questions that were typed have other names.
HEARD = "answer:"

# A segment's key, and how many questions were put in that segment before.
Place = tuple[str, int]


def build_question_key(session_id: str, place: Place) -> str:
    """Return the key of the question that was put at `place`."""
    segment_key, ordinal = place
    return f"{HEARD}{session_id}:{segment_key}:{ordinal}"


def read_place(question_key: str) -> Place:
    """Return where the question of this key was put. A session's id has no colon; a segment's key may."""
    segment_key, _, ordinal = question_key.split(":", 2)[2].rpartition(":")
    return segment_key, int(ordinal)
