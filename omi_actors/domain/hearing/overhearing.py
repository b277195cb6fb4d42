"""Overhearing: the fast path for speech without a wake phrase, a few microseconds a segment.

While no question is open, its result equals that of utterances.py. It keeps only a speaker's last words, until the
sentence ends: they may be the first half of a wake phrase, or may show that a name after them is not addressed.
Not here: segments that may hold a wake phrase (utterances.py). Threads: any; pure.
"""

from collections.abc import Sequence

from omi_actors.domain.hearing.names import may_wake
from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.hearing.speech import Piece, is_piece, join, keep_piece, keep_rest
from omi_actors.domain.hearing.state import (
    HEARD_CHARS,
    IDLE_LIMIT,
    SILENT,
    SPLIT_ARRIVAL_S,
    SPLIT_S,
    HearingOptions,
    HearingState,
    OpenUtterance,
)
from omi_actors.domain.hearing.wake import CONTEXT_WORDS

# All letters of scripts without blanks between words come after this one.
_FIRST_UNSPACED = "\u3000"


def overhear(
    state: HearingState, segments: Sequence[StoredSegment], now_s: float, options: HearingOptions
) -> HearingState | None:
    """Return the state after these segments; None when they may hold a wake phrase and need the full decision."""
    if not options.is_plain or state.ended is not None:
        return None
    utterances = _idle_utterances(state.open_utterances, now_s)
    if utterances is None:
        return None
    conversation_id = state.conversation_id
    words: list[str] = []
    for segment in segments:
        if segment.conversation_id != conversation_id:
            conversation_id = segment.conversation_id
            utterances.clear()
        if not _take(utterances, segment, words, now_s, options.pause_s):
            return None
    # One search over all words is faster; a name across two texts only leads to the full decision.
    if may_wake(" ".join(words), options.wake):
        return None
    return _build_state(state, conversation_id if utterances else "", tuple(utterances.values()), now_s, options)


def _idle_utterances(utterances: tuple[OpenUtterance, ...], now_s: float) -> dict[str, OpenUtterance] | None:
    """Return the utterances that may still continue, by speaker; None when a question is open."""
    idle = {}
    for utterance in utterances:
        if utterance.question is not None:
            return None
        if now_s - utterance.heard_at <= SPLIT_ARRIVAL_S:
            idle[utterance.speaker] = utterance
    return idle


def _take(
    utterances: dict[str, OpenUtterance], segment: StoredSegment, words: list[str], now_s: float, pause_s: float
) -> bool:
    """Keep the last words of one segment, and extend `words`. Return False if it replaces a segment that is kept."""
    speaker, key, start_s, silence_from_s = segment.speaker, segment.key, segment.start_s, segment.start_s
    text = segment.text[:HEARD_CHARS]
    for known in utterances.values():
        if is_piece(known.pieces, key):
            return False
    utterance = utterances.pop(speaker, None)
    if utterance is None:
        pieces = keep_piece(key, text)
    elif start_s < utterance.last_start_s:
        # A late segment is searched for names, but does not change the speaker's utterance.
        utterances[speaker] = utterance
        pieces = ()
    elif start_s - utterance.last_end_s >= SPLIT_S:
        pieces = keep_piece(key, text)
    else:
        silence_from_s = utterance.last_end_s
        pieces = _go_on(utterance, key, text, words, after_pause=start_s - silence_from_s >= pause_s)
    words.append(text)
    if pieces:
        last_end_s = max(segment.end_s, silence_from_s)
        utterances[speaker] = OpenUtterance(
            speaker, pieces, 0, start_s, last_end_s, now_s, now_s, start_s, segment.is_user
        )
        if len(utterances) > IDLE_LIMIT:
            del utterances[next(iter(utterances))]
    return True


def _go_on(utterance: OpenUtterance, key: str, text: str, words: list[str], *, after_pause: bool) -> tuple[Piece, ...]:
    for piece in utterance.pieces:
        words.append(piece.text)  # noqa: PERF401 (one or two)
    if text.count(" ") >= CONTEXT_WORDS and text[0] < _FIRST_UNSPACED:
        # So many words leave none of the earlier ones within CONTEXT_WORDS.
        return keep_piece(key, text)
    pieces = join(utterance.pieces, key, text, after_pause=after_pause)
    line = "".join([piece.text for piece in pieces])
    if text[:1] >= _FIRST_UNSPACED:
        words.append(line)
    return keep_rest(pieces, line)


def _build_state(
    state: HearingState,
    conversation_id: str,
    utterances: tuple[OpenUtterance, ...],
    now_s: float,
    options: HearingOptions,
) -> HearingState:
    recent = state.recent
    if recent:
        recent = tuple(known for known in recent if now_s - known[1] < options.near_duplicate_s)
    if not utterances and not recent and not state.asked and not state.asker:
        return SILENT
    return HearingState(conversation_id, utterances, state.asked, recent, state.asker, state.replied_at, state.moment)
