"""Waits: how long an open utterance waits for more words, by arrival and by the segments' own times.

Not here: what the words say of the end (pauses.py), the decisions that end it (utterances.py). Threads: any; pure.
"""

import math

from omi_actors.domain.hearing.meant import is_command
from omi_actors.domain.hearing.pauses import Ending, has_marks, judge_ending
from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.hearing.state import SPLIT_S, EndedBy, HearingOptions, OpenUtterance

# Seconds from the first to the last segment of a webhook that was held up, as the next may be; usual ones carry three.
BEHIND_S = 6.0
# Share of the usual pause in which a question that others interrupt goes on: its next words need time to be spoken.
_INTERRUPTED = 2.5
# Endings after which a question may go on.
_MAY_GO_ON = (Ending.OPEN, Ending.UNFINISHED)


def judge(utterance: OpenUtterance) -> Ending:
    """Return what the words say of the question's end. Without a wake phrase only a command is certainly for Omi."""
    assert utterance.question is not None  # noqa: S101 (the callers checked it)
    is_marked = any(has_marks(piece.text) for piece in utterance.pieces)
    ending = judge_ending(utterance.question.text, is_marked=is_marked)
    is_uncertain = ending is Ending.OVER and utterance.without_wake and not is_command(utterance.question.text)
    return Ending.OPEN if is_uncertain else ending


def find_deadline(utterance: OpenUtterance, options: HearingOptions) -> float:
    """Return the time at which silence ends the question; infinity when none is open."""
    if utterance.question is None:
        return math.inf
    if not utterance.question.text:
        return utterance.heard_at + options.wake_wait_s
    if utterance.others is not None and utterance.others.is_answer:
        return utterance.others.at_s
    return min(_find_pause_end(utterance, options), utterance.opened_at + options.hard_cap_s)


def _find_pause_end(utterance: OpenUtterance, options: HearingOptions) -> float:
    """Return the time at which a pause ends a question. One that may go on waits while others speak."""
    heard_at, others, ending = utterance.heard_at, utterance.others, judge(utterance)
    pause_ends_at = heard_at + options.pause_s * ending.value
    if ending not in _MAY_GO_ON or (others is None and not utterance.is_behind):
        return pause_ends_at
    longest_s = max(options.pause_s * _INTERRUPTED, options.wake_wait_s)
    if utterance.is_behind:
        return heard_at + longest_s
    assert others is not None  # noqa: S101 (for mypy: it was checked)
    interrupted_s = options.pause_s * _INTERRUPTED
    return heard_at + interrupted_s if ending is Ending.OPEN else min(heard_at + longest_s, others.at_s + interrupted_s)


def find_sign(utterance: OpenUtterance, options: HearingOptions) -> EndedBy:
    """Return the sign that ends an open utterance at its deadline."""
    if utterance.question is None:
        return EndedBy.PAUSE
    if utterance.others is not None and utterance.others.is_answer:
        return EndedBy.SPEAKER
    deadline = find_deadline(utterance, options)
    if deadline <= utterance.heard_at:
        return EndedBy.WORDS
    return EndedBy.LIMIT if deadline >= utterance.opened_at + options.hard_cap_s else EndedBy.PAUSE


def is_ended_before(utterance: OpenUtterance, segment: StoredSegment, options: HearingOptions) -> bool:
    """Return True when the silence between the segments' times ended the utterance before this segment."""
    silence_s = segment.start_s - utterance.last_end_s
    if utterance.question is None:
        return silence_s >= SPLIT_S
    if not utterance.question.text:
        return silence_s >= options.wake_wait_s
    if segment.start_s - utterance.opened_start_s >= options.hard_cap_s:
        return True
    ending = judge(utterance)
    # Both stretches of speech are here: to wait costs nothing, so no pause is shorter than the usual one.
    wait_s = options.pause_s * max(1.0, ending.value)
    if ending not in _MAY_GO_ON or utterance.others is None:
        return silence_s >= wait_s
    silent_from_s = max(utterance.last_end_s, utterance.others.end_s)
    return segment.start_s - silent_from_s >= wait_s or silence_s >= max(wait_s, options.wake_wait_s)
