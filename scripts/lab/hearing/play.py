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

from omi_actors.domain.hearing.hearing import hear, note_reply, pause_over, relabel
from omi_actors.domain.hearing.segments import Segment
from omi_actors.domain.hearing.state import SILENT, HearingOptions, HearingState, ListenMode, Question
from omi_actors.domain.sessions.transcript import build_progress, decide_growth

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
    """A conversation with its expected questions."""

    id: str
    kind: str
    webhooks: tuple[Webhook, ...]
    expect: tuple[Expected, ...]
    mode: str = "TRIGGER"

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


# Seconds between a webhook and its repetition.
_REPEAT_AFTER_S = 0.05


class Taken(NamedTuple):
    """A question that the detector found."""

    text: str
    when: str


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
            heard = pause_over(self._state, self._deadline, self._options)
            self._state, self._deadline = heard.state, heard.deadline
            yield from _taken(heard.questions, "after pause")

    def _happen(self, webhook: Webhook, now_s: float) -> Iterator[Taken]:
        if webhook.reply_at_s is not None:
            self._state = note_reply(self._state, now_s)
            return
        segments = tuple(_build_segment(spoken) for spoken in webhook.segments)
        growth = decide_growth(self._progress, segments, received_at=now_s, new_id=self._new_id)
        self._progress = growth.progress
        heard = hear(relabel(self._state, growth.corrected), growth.fresh, now_s, self._options)
        self._state, self._deadline = heard.state, heard.deadline
        yield from _taken(heard.questions, "at once")


def _taken(questions: tuple[Question, ...], when: str) -> Iterator[Taken]:
    return (Taken(question.text, when) for question in questions)


def _build_segment(spoken: Spoken) -> Segment:
    return Segment(
        spoken.segment_id, spoken.text, spoken.speaker, None, spoken.speaker == "A", None, spoken.start_s, spoken.end_s
    )
