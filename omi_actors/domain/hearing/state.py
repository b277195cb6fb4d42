"""Values of hearing: its options, the state that a session keeps, and the result of each call.

Not here: the decisions that change the state (utterances.py, overhearing.py), the calls (hearing.py).
Threads: any; pure.
"""

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import msgspec

from omi_actors.domain.hearing.meant import Moment
from omi_actors.domain.hearing.names import NORMAL, WakePhrases, prepare
from omi_actors.domain.hearing.speech import FoundQuestion, Piece

# Open utterances that a state keeps: those without a question, and all.
IDLE_LIMIT = 2
SPEAKERS_LIMIT = 6
# Segments with questions that a state remembers.
ASKED_LIMIT = 8
# Longest gap (s) between the two halves of a wake phrase: in the segments' times, and in arrival.
SPLIT_S = 5.0
SPLIT_ARRIVAL_S = 10.0
# Characters read of one segment; real speech is shorter.
HEARD_CHARS = 4_000


class ListenMode(StrEnum):
    """Speech that can be a question: none; only after a wake phrase; also soon after a reply; or all speech."""

    NEVER = "NEVER"
    TRIGGER = "TRIGGER"
    FOLLOWUP = "FOLLOWUP"
    ALWAYS = "ALWAYS"


class EndedBy(StrEnum):
    """The sign that ended a question: its words, a pause, another speaker's words after it, or its longest time."""

    WORDS = "words"
    PAUSE = "pause"
    SPEAKER = "speaker"
    LIMIT = "limit"


class Doubt(StrEnum):
    """Reasons for which a question may not be meant: none; it has no wake phrase; its name may be spoken about."""

    NONE = "none"
    UNNAMED = "unnamed"
    MENTIONED = "mentioned"


class WakeBy(StrEnum):
    """People whose speech can be a question: anyone, or only the wearer, once Omi has recognised the wearer's voice."""

    ANYONE = "ANYONE"
    OWNER = "OWNER"


@dataclass(frozen=True, slots=True)
class HearingOptions:
    """Settings of a session's hearing. Times in seconds.

    `pause_s`: silence that ends a question; pauses.py makes it shorter or longer by the words before it.
    `wake_wait_s`: the longest wait for words after a wake phrase. `hard_cap_s` and `max_chars` limit a question.
    `pattern` (RE2) stands in place of names; `sensitivity` is a level of wake.py. `wake` is made of the three.
    """

    names: tuple[str, ...] = ("omi",)
    mode: ListenMode = ListenMode.TRIGGER
    pause_s: float = 1.6
    wake_wait_s: float = 8.0
    hard_cap_s: float = 30.0
    followup_s: float = 8.0
    near_duplicate_s: float = 10.0
    max_chars: int = 1_000
    wake_by: WakeBy = WakeBy.ANYONE
    pattern: str = ""
    sensitivity: int = NORMAL
    wake: WakePhrases = field(init=False, compare=False, repr=False)
    # True if a search for names finds all questions: the fast path's condition.
    is_plain: bool = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "wake", prepare(self.names, self.pattern, self.sensitivity))
        object.__setattr__(self, "is_plain", self.mode is ListenMode.TRIGGER and not self.pattern)


@dataclass(frozen=True, slots=True)
class Question:
    """A question: its words, its speaker, and the segment in which it was asked.

    `ordinal` counts the questions of that segment from 0. `asked_at` (UTC seconds) is the arrival of its last words.
    `is_user`: Omi recognised the wearer's voice in all of its segments. `without_wake`: it began without a wake
    phrase. With a `doubt` it may be for somebody else, and the model decides (domain/answers/silence.py).
    """

    text: str
    segment_key: str
    conversation_id: str
    ordinal: int = 0
    speaker: str = ""
    asked_at: float = 0.0
    is_user: bool = False
    without_wake: bool = False
    ended_by: EndedBy = EndedBy.WORDS
    doubt: Doubt = Doubt.NONE


class Others(NamedTuple):
    """Speech of other people after an open question: its arrival, its end, and whether the question was whole."""

    at_s: float
    end_s: float
    is_answer: bool


class OpenUtterance(msgspec.Struct, frozen=True, gc=False):
    """One speaker's latest words; more may follow.

    `question` is the first part of an open question; its text may be empty. None when no question is open.
    `is_user`: all of its segments are the wearer's. `others` is what other people have said since. `is_behind`: its
    last words ended a webhook that carried speech of a long time, so the next may be late.
    """

    speaker: str
    pieces: tuple[Piece, ...]
    scanned: int
    last_start_s: float
    last_end_s: float
    heard_at: float
    opened_at: float
    opened_start_s: float
    is_user: bool = False
    question: FoundQuestion | None = None
    without_wake: bool = False
    others: Others | None = None
    is_behind: bool = False


class Ended(NamedTuple):
    """A question that has just ended, after which the same speaker's next words need no wake phrase.

    It was a statement, or broke off: then `broken` is its utterance, and words that belong to it may come late. Its
    last words ended at `end_s` and arrived at `at_s`.
    """

    speaker: str
    end_s: float
    at_s: float
    broken: OpenUtterance | None = None


class HearingState(msgspec.Struct, frozen=True, gc=False):
    """Memory of a session's hearing: a few hundred bytes while no question is open.

    `asked` holds digests of the latest segments with questions, each with the ordinal of its latest question. `recent`
    holds the normalised words of the latest questions, each with its time and the start of its first segment. `moment`
    is of the latest question and its answer; None where speech always needs a wake phrase.
    """

    conversation_id: str = ""
    open_utterances: tuple[OpenUtterance, ...] = ()
    asked: tuple[tuple[int, int], ...] = ()
    recent: tuple[tuple[str, float, float], ...] = ()
    asker: str = ""
    replied_at: float = -math.inf
    moment: Moment | None = None
    ended: Ended | None = None


class HearingResult(msgspec.Struct, frozen=True):
    """Result of a call: the new state, the questions that ended, and the time to call `pause_over`.

    `deadline` (UTC seconds) is None when no call is needed. `repeated` counts questions that were known already,
    `not_meant` speech without a wake phrase that is for somebody else.
    """

    state: HearingState
    questions: tuple[Question, ...]
    deadline: float | None
    repeated: int = 0
    not_meant: int = 0


DEFAULTS = HearingOptions()
SILENT = HearingState()


# First part of the key of a spoken question; typed questions have other keys.
SPOKEN_PREFIX = "answer:"

# A segment's key, and the number of earlier questions in that segment.
Place = tuple[str, int]


def build_question_key(session_id: str, place: Place) -> str:
    """Return the key of the question that was asked at `place`."""
    segment_key, ordinal = place
    return f"{SPOKEN_PREFIX}{session_id}:{segment_key}:{ordinal}"


def read_place(question_key: str) -> Place:
    """Return the place of the question with this key. A session's id holds no colon; a segment's key may."""
    segment_key, _, ordinal = question_key.split(":", 2)[2].rpartition(":")
    return segment_key, int(ordinal)
