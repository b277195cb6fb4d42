"""Hearing: from segments to the questions that were put to the wearable, as a value that a session keeps.

A question is what the same speaker says after a wake phrase, however it is cut into segments and webhooks. Not here:
which segments are new (domain/sessions/transcript.py), the timer that tells of a pause (actors/session/actor.py), how
it is decided (listener.py, and overhearing.py for nearly everything), wake phrases (wake.py), a question's end in its
words (question_end.py), who answers (jobs/answer.py). Threads: none, pure.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from msgspec.structs import replace

from omi_actors.domain.hearing.listener import UtteranceTracker
from omi_actors.domain.hearing.overhearing import overhear
from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.hearing.state import (
    ASKED_LIMIT,
    DEFAULTS,
    HEARD_CHARS,
    SILENT,
    HearingOptions,
    HearingResult,
    HearingState,
    Place,
    Question,
)

# Segments and characters of a slice. A segment costs up to 2.5 ms: all names of an open question are looked at again.
_SLICE_LIMIT = 16
_SLICE_CHARS = 8_000
# What is looked at after a restart: more than a question takes, which is `hard_cap_s`; segments, and seconds before the
# newest. Older questions are not asked any more.
_RECALLED_LIMIT = 64
_RECALLED_S = 60.0


def hear(
    state: HearingState, segments: Sequence[StoredSegment], now_s: float, options: HearingOptions = DEFAULTS
) -> HearingResult:
    """Listen to a webhook's fresh segments, ordered by seq. Nothing is held back: an open question has a deadline."""
    overheard = overhear(state, segments, now_s, options)
    if overheard is not None:
        return HearingResult(overheard, (), None)
    return hear_in_full(state, segments, now_s, options)


def cut_into_slices(segments: Sequence[StoredSegment]) -> Iterator[Sequence[StoredSegment]]:
    """Cut a webhook into slices to be heard one after another at the same `now_s`: what is heard is the same.

    For whoever must not be kept for long. The worst slice known, names within one long question, takes some 40 ms.
    There is always one slice.
    """
    begin, chars = 0, 0
    for n, segment in enumerate(segments):
        chars += min(len(segment.text), HEARD_CHARS)
        if n > begin and (n - begin == _SLICE_LIMIT or chars > _SLICE_CHARS):
            yield segments[begin:n]
            begin, chars = n, min(len(segment.text), HEARD_CHARS)
    yield segments[begin:]


def hear_in_full(
    state: HearingState, segments: Sequence[StoredSegment], now_s: float, options: HearingOptions = DEFAULTS
) -> HearingResult:
    """Do as `hear`, whatever was said; slower."""
    listener = UtteranceTracker(state, now_s, options)
    listener.close_expired()
    for segment in segments:
        listener.take(segment)
    return listener.finish()


def pause_over(state: HearingState, now_s: float, options: HearingOptions = DEFAULTS) -> HearingResult:
    """Return the questions that a pause has ended by now. Too early or too late a call does no harm."""
    listener = UtteranceTracker(state, now_s, options)
    listener.close_expired()
    return listener.finish()


def note_reply(state: HearingState, now_s: float, *, was_answered: bool = True) -> HearingState:
    """Note that a reply was given: the window for a follow-up opens; after a failure the same may be asked again."""
    return replace(state, replied_at=now_s, recent=state.recent if was_answered else ())


def relabel(state: HearingState, corrected: Sequence[StoredSegment]) -> HearingState:
    """Let speech go on under the name of who is thought to have said it by now. It is not listened to again.

    A speaker who has something else to ask already keeps that, and the other line ends by its pause.
    """
    for segment in corrected:
        ears = {ear.speaker: ear for ear in state.ears}
        ear = next((ear for ear in state.ears if ear.pieces[-1].key == segment.key), None)
        if ear is not None and (segment.speaker not in ears or ears[segment.speaker].question is None):
            del ears[ear.speaker]
            ears[segment.speaker] = replace(ear, speaker=segment.speaker)
            state = replace(state, ears=tuple(ears.values()))
        if state.asked and state.asked[-1][0] == hash(segment.key):
            state = replace(state, asker=segment.speaker)
    return state


def recall(
    segments: Sequence[StoredSegment],
    asked: Sequence[Place],
    now_s: float,
    options: HearingOptions = DEFAULTS,
) -> HearingResult:
    """Return where hearing stands after a restart, and the questions that ended unnoticed meanwhile.

    `segments` are the session's latest as they are stored, ordered by seq; `asked` the places (segment key, ordinal) of
    its latest accepted questions, oldest first. None of those is returned, nor one that ended before the last of them.
    A follow-up is not recalled, since nobody stores when a reply was given; nor when a segment's text became longer.
    """
    heard, found = HearingResult(SILENT, (), None), list[Question]()
    for at_s, webhook in groupby(_recallable(segments), key=attrgetter("created_at")):
        heard = _let_pass(heard, min(at_s, now_s), options, found)
        heard = hear(heard.state, tuple(webhook), at_s, options)
        found += heard.questions
    heard = _let_pass(heard, now_s, options, found)
    accepted = [n for n, question in enumerate(found) if (question.segment_key, question.ordinal) in asked]
    unasked = found[accepted[-1] + 1 :] if accepted else found
    latest: dict[int, int] = {}
    for digest, ordinal in (*((hash(key), ordinal) for key, ordinal in asked), *heard.state.asked):
        latest[digest] = max(ordinal, latest.pop(digest, 0))
    return HearingResult(replace(heard.state, asked=(*latest.items(),)[-ASKED_LIMIT:]), tuple(unasked), heard.deadline)


def _recallable(segments: Sequence[StoredSegment]) -> Sequence[StoredSegment]:
    """Return those that can still matter."""
    latest = segments[-_RECALLED_LIMIT:]
    return [segment for segment in latest if segment.created_at >= latest[-1].created_at - _RECALLED_S]


def _let_pass(heard: HearingResult, until_s: float, options: HearingOptions, found: list[Question]) -> HearingResult:
    """Let time pass, as the session's timer would have told of it, and add the questions that ended to `found`."""
    while heard.deadline is not None and heard.deadline <= until_s:
        heard = pause_over(heard.state, heard.deadline, options)
        found += heard.questions
    return heard
