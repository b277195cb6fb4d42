"""Hearing: turn transcript segments into questions, with a state that the session keeps.

A question is the speech of one speaker after a wake phrase. Segments and webhooks may cut it anywhere.
Not here: new and known segments (domain/sessions/transcript.py), the pause timer (actors/session/actor.py), the
decision itself (utterances.py, overhearing.py), the answer (jobs/answer.py). Threads: any; pure.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from msgspec.structs import replace

from omi_actors.domain.hearing.meant import find_topic
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
    ListenMode,
    Place,
    Question,
    WakeBy,
)
from omi_actors.domain.hearing.utterances import UtteranceTracker, rename

# Segments and characters of a slice. A segment costs up to 2.5 ms, since every name in an open question is checked.
_SLICE_LIMIT = 16
_SLICE_CHARS = 8_000
# Segments, and seconds before the newest, that `recall` reads: more than `hard_cap_s`, the longest question. Older
# questions are not asked any more.
_RECALLED_LIMIT = 64
_RECALLED_S = 60.0


def hear(
    state: HearingState,
    segments: Sequence[StoredSegment],
    now_s: float,
    options: HearingOptions = DEFAULTS,
    *,
    began_s: float | None = None,
) -> HearingResult:
    """Find the questions in the fresh segments of a webhook, ordered by seq. An open question gets a deadline.

    `began_s` is the start of the webhook's first segment; by default that of these segments.

    Example:
        result = hear(SILENT, segments, now_s)
        result.questions  # those that ended in these segments
        result = pause_over(result.state, result.deadline)  # ends the open question if no more speech came
    """
    overheard = overhear(state, segments, now_s, options)
    if overheard is not None:
        return HearingResult(overheard, (), None)
    return hear_in_full(state, segments, now_s, options, began_s=began_s)


def select_heard(
    segments: Sequence[StoredSegment], options: HearingOptions, *, knows_user: bool
) -> Sequence[StoredSegment]:
    """Return the segments in which a question may be. Only the wearer's, if only the wearer may ask and is known."""
    if options.wake_by is WakeBy.OWNER and knows_user:
        return [segment for segment in segments if segment.is_user]
    return segments


def cut_into_slices(segments: Sequence[StoredSegment]) -> Iterator[Sequence[StoredSegment]]:
    """Cut a webhook's segments into slices, at least one.

    In order, with one `now_s` and `began_s`, they give the same questions as the whole. Callers can let other work run
    between slices. The slowest known slice takes 40 ms: a long question full of names.
    """
    begin, chars = 0, 0
    for n, segment in enumerate(segments):
        chars += min(len(segment.text), HEARD_CHARS)
        if n > begin and (n - begin == _SLICE_LIMIT or chars > _SLICE_CHARS):
            yield segments[begin:n]
            begin, chars = n, min(len(segment.text), HEARD_CHARS)
    yield segments[begin:]


def hear_in_full(
    state: HearingState,
    segments: Sequence[StoredSegment],
    now_s: float,
    options: HearingOptions = DEFAULTS,
    *,
    began_s: float | None = None,
) -> HearingResult:
    """Return the same result as `hear`, without its fast path."""
    if options.mode is ListenMode.NEVER:
        return HearingResult(SILENT, (), None)
    if began_s is None and segments:
        began_s = segments[0].start_s
    tracker = UtteranceTracker(state, now_s, options, began_s or 0.0)
    tracker.close_expired(is_webhook=bool(segments))
    for segment in segments:
        tracker.take(segment)
    return tracker.finish()


def pause_over(state: HearingState, now_s: float, options: HearingOptions = DEFAULTS) -> HearingResult:
    """Return the questions that silence has ended by now. A call that comes too early or too late does no harm."""
    return hear_in_full(state, (), now_s, options)


def end_by_words(heard: HearingResult, now_s: float, options: HearingOptions = DEFAULTS) -> HearingResult:
    """Add the questions that their words have ended, after the last slice of a webhook: a statement to Omi is one."""
    if heard.deadline is None or heard.deadline > now_s:
        return heard
    ended = pause_over(heard.state, now_s, options)
    return replace(
        ended,
        questions=(*heard.questions, *ended.questions),
        repeated=heard.repeated + ended.repeated,
        not_meant=heard.not_meant + ended.not_meant,
    )


def note_reply(state: HearingState, now_s: float, *, was_answered: bool = True) -> HearingState:
    """Note a reply: a follow-up soon after it needs no wake phrase. After a failure the question may be repeated."""
    moment = None if state.moment is None else state.moment._replace(is_among_others=False)
    return replace(state, replied_at=now_s, recent=state.recent if was_answered else (), moment=moment)


def note_answer(state: HearingState, text: str) -> HearingState:
    """Note the words of an answer, which a follow-up may take up."""
    moment = state.moment
    if moment is None:
        return state
    return replace(state, moment=moment._replace(topic=moment.topic | find_topic(text)))


def note_not_meant(state: HearingState) -> HearingState:
    """Note that the latest question was none. Its words may be asked again at once; no reply is expected."""
    return replace(state, recent=state.recent[:-1])


def close_questions(state: HearingState) -> HearingState:
    """Forget the open utterances that hold a question."""
    kept = tuple(one for one in state.open_utterances if one.question is None)
    return state if len(kept) == len(state.open_utterances) else replace(state, open_utterances=kept)


def relabel(state: HearingState, corrected: Sequence[StoredSegment]) -> HearingState:
    """Move an open utterance to the speaker that a corrected segment names. Its words are not searched again.

    If that speaker has an open question already, it stays, and the pause ends the other utterance.
    """
    for segment in corrected:
        by_speaker = {utterance.speaker: utterance for utterance in state.open_utterances}
        moved = next((one for one in state.open_utterances if one.pieces[-1].key == segment.key), None)
        has_question = segment.speaker in by_speaker and by_speaker[segment.speaker].question is not None
        if moved is not None and not has_question:
            del by_speaker[moved.speaker]
            by_speaker[segment.speaker] = rename(moved, segment)
            state = replace(state, open_utterances=tuple(by_speaker.values()))
        if state.asked and state.asked[-1][0] == hash(segment.key):
            state = replace(state, asker=segment.speaker)
    return state


def recall(
    segments: Sequence[StoredSegment],
    asked: Sequence[Place],
    now_s: float,
    options: HearingOptions = DEFAULTS,
) -> HearingResult:
    """Rebuild the state after a restart, and return the questions that ended after the last accepted question.

    `segments` are the session's latest stored ones, ordered by seq. `asked` are the places of its latest accepted
    questions, oldest first. It does not find follow-ups, since the time of a reply is not stored, nor questions in a
    segment that became longer later.
    """
    result, found = HearingResult(SILENT, (), None), list[Question]()
    for at_s, webhook in groupby(_recallable(segments), key=attrgetter("created_at")):
        result = _let_pass(result, min(at_s, now_s), options, found)
        result = hear(result.state, tuple(webhook), at_s, options)
        found += result.questions
    result = _let_pass(result, now_s, options, found)
    accepted = [n for n, question in enumerate(found) if (question.segment_key, question.ordinal) in asked]
    unasked = found[accepted[-1] + 1 :] if accepted else found
    latest: dict[int, int] = {}
    for digest, ordinal in (*((hash(key), ordinal) for key, ordinal in asked), *result.state.asked):
        latest[digest] = max(ordinal, latest.pop(digest, 0))
    return HearingResult(
        replace(result.state, asked=(*latest.items(),)[-ASKED_LIMIT:]), tuple(unasked), result.deadline
    )


def _recallable(segments: Sequence[StoredSegment]) -> Sequence[StoredSegment]:
    """Return the segments that are recent enough to hold an open question."""
    latest = segments[-_RECALLED_LIMIT:]
    return [segment for segment in latest if segment.created_at >= latest[-1].created_at - _RECALLED_S]


def _let_pass(result: HearingResult, until_s: float, options: HearingOptions, found: list[Question]) -> HearingResult:
    """Call `pause_over` at each deadline up to `until_s`, as the session's timer does, and extend `found`."""
    while result.deadline is not None and result.deadline <= until_s:
        result = pause_over(result.state, result.deadline, options)
        found += result.questions
    return result
