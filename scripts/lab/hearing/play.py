"""Playing a case to the detector, as a session would: fresh segments only, and a timer for the pause.

Not here: judging what was heard (score.py). Threads: none.
"""

import math
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

from omi_actors.domain.hearing.hearing import hear, note_reply, pause_over, relabel
from omi_actors.domain.hearing.segments import Segment
from omi_actors.domain.hearing.state import SILENT, HearingOptions, HearingState, ListenMode, Question
from omi_actors.domain.sessions.transcript import build_progress, decide_growth
from scripts.lab.hearing.cases import Case, Spoken, Webhook

# When a repeated webhook comes after the first (s).
_REPEAT_AFTER_S = 0.05


class Taken(NamedTuple):
    """A question that the detector took."""

    text: str
    when: str


def play(case: Case, *, repeated: bool = False) -> tuple[Taken, ...]:
    """Return what is heard in a case; `repeated` sends every webhook twice."""
    return tuple(_Player(case, repeated=repeated).play())


class _Player:
    """One session in progress."""

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
        """Let the session's timer ring for every deadline until then."""
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
