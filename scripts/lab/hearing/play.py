"""Cases of hearing, and playing them as a session does: only new segments are heard, and a timer ends each pause.

Not here: scores (score.py). Threads: none.
"""

import math
from collections.abc import Iterator
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import NamedTuple

import msgspec

from omi_actors.domain.answers.delivery import decide_grace_s
from omi_actors.domain.answers.delivery_records import DeliveryRules
from omi_actors.domain.hearing.hearing import end_by_words, hear, note_reply, pause_over, relabel
from omi_actors.domain.hearing.segments import Segment
from omi_actors.domain.hearing.state import SILENT, HearingOptions, HearingState, ListenMode, Question
from omi_actors.domain.sessions.transcript import build_progress, decide_growth

# The folder of the cases.
CASES = Path(__file__).parents[3] / "tests" / "hearing" / "cases"
# One case in three, by the hash of its id, stays unseen while the detector is tuned.
_HELD_OUT_OF = 3


class Spoken(msgspec.Struct, frozen=True, array_like=True):
    """A segment as the wearable's platform sends it; times in seconds since the conversation began."""

    speaker: str
    text: str
    start_s: float
    end_s: float
    segment_id: str = ""


class Webhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An event of a case: segments arrive, or the server sends a reply."""

    received_at_s: float | None = None
    segments: tuple[Spoken, ...] = ()
    reply_at_s: float | None = None


class Expected(msgspec.Struct, frozen=True, array_like=True):
    """An expected question, and the moment when it must be found: "at once" (with a webhook) or "after pause"."""

    text: str
    when: str


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"kind": "class"}):
    """A conversation with its expected questions. `is_cut`: its asker breaks off and never finishes the question."""

    id: str
    kind: str
    webhooks: tuple[Webhook, ...]
    expect: tuple[Expected, ...]
    mode: str = "TRIGGER"
    is_cut: bool = False

    @property
    def language(self) -> str:
        """Language of the case: the first part of its id."""
        return self.id.partition("-")[0]

    @property
    def is_held_out(self) -> bool:
        """Return True if the case is not used for tuning."""
        return sha256(self.id.encode()).digest()[0] % _HELD_OUT_OF == 0


def load_cases(folder: Path) -> tuple[Case, ...]:
    """Load all cases of a folder, by language, then in the order of the file."""
    files = sorted(folder.glob("*.json"))
    return tuple(case for file in files for case in msgspec.json.decode(file.read_bytes(), type=tuple[Case, ...]))


# A person who can be notified ten times in the hour.
_RULES = DeliveryRules(can_notify=True, per_hour=10)
# Seconds between a webhook and its repetition.
_REPEAT_AFTER_S = 0.05


class Taken(NamedTuple):
    """A question that the detector found, and what ended it.

    `leaves_s`: seconds from its last words to the moment when the answer leaves, if the model answers at once: with the
    webhook that ended it, with the next one, or as a notification of a person with budget in hand. `asked_at_s`: when
    the webhook with the last words was received.
    """

    text: str
    when: str
    ended_by: str = ""
    leaves_s: float = 0.0
    asked_at_s: float = 0.0


def play(case: Case, *, repeated: bool = False) -> tuple[Taken, ...]:
    """Return the questions found in a case; `repeated` sends every webhook twice."""
    return tuple(_Player(case, repeated=repeated).play())


class _Player:
    """State of playing one case."""

    def __init__(self, case: Case, *, repeated: bool) -> None:
        self._case = case
        self._repeated = repeated
        self._options = HearingOptions(mode=ListenMode(case.mode))
        self._state: HearingState = SILENT
        self._deadline: float | None = None
        self._heard_at = 0.0
        self._moments_left = sorted(webhook.received_at_s or 0.0 for webhook in case.webhooks if webhook.segments)
        ids = count(1)
        self._new_id = lambda: f"c{next(ids)}"
        self._progress = build_progress(None, self._new_id)

    def play(self) -> Iterator[Taken]:
        for webhook in self._case.webhooks:
            for now_s in self._moments(webhook):
                yield from self._let_pass(now_s)
                yield from self._happen(webhook, now_s)
        yield from self._let_pass(math.inf)

    def _moments(self, webhook: Webhook) -> tuple[float, ...]:
        now_s = webhook.reply_at_s if webhook.received_at_s is None else webhook.received_at_s
        at_s = now_s or 0.0
        return (at_s, at_s + _REPEAT_AFTER_S) if self._repeated and webhook.segments else (at_s,)

    def _let_pass(self, until_s: float) -> Iterator[Taken]:
        """Call `pause_over` for every deadline until `until_s`, as the session's timer does."""
        while self._deadline is not None and self._deadline <= until_s:
            now_s = self._deadline
            heard = pause_over(self._state, now_s, self._options)
            self._state, self._deadline = heard.state, heard.deadline
            for question in heard.questions:
                yield self._take(question, "after pause", self._find_leaving(now_s))

    def _happen(self, webhook: Webhook, now_s: float) -> Iterator[Taken]:
        if webhook.reply_at_s is not None:
            self._state = note_reply(self._state, now_s)
            return
        segments = tuple(_build_segment(spoken) for spoken in webhook.segments)
        growth = decide_growth(self._progress, segments, received_at=now_s, new_id=self._new_id)
        self._progress = growth.progress
        heard = hear(relabel(self._state, growth.corrected), growth.fresh, now_s, self._options)
        heard = end_by_words(heard, now_s, self._options)
        self._state, self._deadline = heard.state, heard.deadline
        self._heard_at = now_s
        for question in heard.questions:
            yield self._take(question, "at once", now_s)

    def _find_leaving(self, now_s: float) -> float:
        """Return when an answer leaves that is there now and that no reply waits for."""
        silent_s = now_s - self._heard_at
        notified_at = now_s + decide_grace_s(_RULES, spent=0, silent_s=silent_s)
        return min((at_s for at_s in self._moments_left if now_s < at_s < notified_at), default=notified_at)

    @staticmethod
    def _take(question: Question, when: str, leaves_at: float) -> Taken:
        return Taken(question.text, when, question.ended_by, max(0.0, leaves_at - question.asked_at), question.asked_at)


def _build_segment(spoken: Spoken) -> Segment:
    return Segment(
        spoken.segment_id, spoken.text, spoken.speaker, None, spoken.speaker == "A", None, spoken.start_s, spoken.end_s
    )
