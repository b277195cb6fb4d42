"""Resuming: what a speaker's next words may belong to: a question that others interrupt, or one that has just ended.

After a statement to the wearable a question needs no wake phrase. A question that broke off, and that a pause ended
before words that belong to it arrived, is asked anew with them.
Not here: what the words themselves say (going_on.py), how long is waited (waits.py). Threads: any; pure.
"""

from msgspec.structs import replace

from omi_actors.domain.hearing.going_on import is_for_others
from omi_actors.domain.hearing.names import may_wake
from omi_actors.domain.hearing.pauses import Ending
from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.hearing.speech import FoundQuestion, Piece, grow, is_piece, join
from omi_actors.domain.hearing.state import SPLIT_ARRIVAL_S, Ended, EndedBy, HearingOptions, OpenUtterance, Others
from omi_actors.domain.hearing.waits import is_ended_before, judge

# Seconds by which the rest of a question may be late: as long as a lost connection of a phone usually lasts.
_LATE_S = 60.0
# Seconds that two versions of a segment overlap at least.
_OVERLAP_S = 0.05


def note_others(
    utterance: OpenUtterance, segment: StoredSegment, now_s: float, *, is_answer: bool = False
) -> OpenUtterance:
    """Return an utterance after which others speak; `is_answer`: after a whole question."""
    end_s, before = segment.end_s, utterance.others
    if before is not None:
        end_s, is_answer = max(end_s, before.end_s), is_answer or before.is_answer
    return replace(utterance, others=Others(now_s, end_s, is_answer))


def note_ended(utterance: OpenUtterance, ended_by: EndedBy) -> Ended | None:
    """Return what is remembered of a question that ends: of a statement, and of one that breaks off."""
    assert utterance.question is not None  # noqa: S101 (the caller checked it)
    ended = Ended(utterance.speaker, utterance.last_end_s, utterance.heard_at)
    if not utterance.question.has_wake:
        return None
    if ended_by is EndedBy.WORDS:
        return ended
    is_broken = ended_by is EndedBy.PAUSE and judge(utterance) in (Ending.OPEN, Ending.UNFINISHED)
    return ended._replace(broken=utterance) if is_broken else None


def follows_statement(ended: Ended | None, segment: StoredSegment, now_s: float, options: HearingOptions) -> bool:
    """Return True for the next words of somebody who has just told the wearable something."""
    if ended is None or ended.broken is not None or ended.speaker != segment.speaker:
        return False
    is_soon = abs(segment.start_s - ended.end_s) < options.pause_s * Ending.UNFINISHED.value
    return is_soon and now_s - ended.at_s <= SPLIT_ARRIVAL_S


def reopen(ended: Ended | None, segment: StoredSegment, now_s: float, options: HearingOptions) -> OpenUtterance | None:
    """Return the question that a pause ended too early, by the segments' times, with this segment. It is asked anew.

    Its place is another one then, so that it does not count as known.
    """
    if ended is None or ended.broken is None or ended.speaker != segment.speaker or now_s - ended.at_s > _LATE_S:
        return None
    broken, question = ended.broken, ended.broken.question
    assert question is not None  # noqa: S101 (it was asked)
    pieces = find_grown(broken, segment)
    if pieces is None:
        if not _belongs(broken, question, segment, options):
            return None
        pieces = join(broken.pieces, segment.key, segment.text, after_pause=False)
    asked = question.ordinal + 1
    pieces = tuple(replace(one, asked=asked) if one.key == question.key else one for one in pieces)
    return replace(broken, pieces=pieces, scanned=0, opened_at=now_s)


def _belongs(broken: OpenUtterance, question: FoundQuestion, segment: StoredSegment, options: HearingOptions) -> bool:
    if segment.start_s < broken.last_start_s or may_wake(segment.text, options.wake):
        return False
    if is_ended_before(broken, segment, options):
        return False
    return broken.others is None or not is_for_others(segment.text, question.text)


def find_grown(utterance: OpenUtterance, segment: StoredSegment) -> tuple[Piece, ...] | None:
    """Return the pieces of an utterance with a longer version of a segment; None if this segment is none.

    It has the same id, or repeats the last words and starts with them or overlaps them.
    """
    if is_piece(utterance.pieces, segment.key):
        return tuple(
            Piece(one.key, one.text[: one.text[0].isspace()] + segment.text) if one.key == segment.key else one
            for one in utterance.pieces
        )
    is_again = segment.start_s in (utterance.last_start_s, utterance.opened_start_s)
    if utterance.question is None or not (is_again or segment.start_s < utterance.last_end_s - _OVERLAP_S):
        return None
    return grow(utterance.pieces, segment.text)


def forget(ended: Ended | None, segment: StoredSegment, now_s: float) -> Ended | None:
    """Return what is still remembered after this segment: of a question that broke off, for a while."""
    if ended is None or ended.broken is None or now_s - ended.at_s > _LATE_S:
        return None
    if ended.speaker == segment.speaker:
        return ended
    return ended._replace(broken=note_others(ended.broken, segment, now_s))
