"""Speech that nobody addresses to us, which is nearly all of it: heard in some microseconds, and mostly forgotten.

It decides what listener.py would, of segments without a wake phrase while no question is open. Of such speech only a
speaker's last words matter, and they only until the sentence ends: they may be a wake phrase's first half, or tell that
a name after them is only spoken about. Not here: what is addressed to us (listener.py). Threads: none, pure.
"""

from collections.abc import Sequence

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
    ListenMode,
    OpenUtterance,
)
from omi_actors.domain.hearing.wake import CONTEXT_WORDS, may_wake

# Looked up once: an enumeration's member costs as much as a comparison.
_TRIGGER = ListenMode.TRIGGER
# Scripts that put no blank between words have no letter before this one.
_FIRST_UNSPACED = "\u3000"


def overhear(
    state: HearingState, segments: Sequence[StoredSegment], now_s: float, options: HearingOptions
) -> HearingState | None:
    """Return the state after these segments; None when they may be addressed to us, and must be listened to in full."""
    if options.mode is not _TRIGGER:
        return None
    ears = _idle_ears(state.ears, now_s)
    if ears is None:
        return None
    conversation_id = state.conversation_id
    words: list[str] = []
    for segment in segments:
        if segment.conversation_id != conversation_id:
            conversation_id = segment.conversation_id
            ears.clear()
        if not _take(ears, segment, words, now_s, options.pause_s):
            return None
    # Together, with blanks between: more wakes than does word for word, which does no harm.
    if may_wake(" ".join(words), options.names):
        return None
    return _build_state(state, conversation_id if ears else "", tuple(ears.values()), now_s, options)


def _idle_ears(ears: tuple[OpenUtterance, ...], now_s: float) -> dict[str, OpenUtterance] | None:
    """Return the speakers that may go on by now; None when a question is open."""
    idle = {}
    for ear in ears:
        if ear.question is not None:
            return None
        if now_s - ear.heard_at <= SPLIT_ARRIVAL_S:
            idle[ear.speaker] = ear
    return idle


def _take(
    ears: dict[str, OpenUtterance], segment: StoredSegment, words: list[str], now_s: float, pause_s: float
) -> bool:
    """Keep what matters of one segment, and add what is to be looked at; False when it takes another one's place."""
    speaker, key, start_s, silence_from_s = segment.speaker, segment.key, segment.start_s, segment.start_s
    text = segment.text[:HEARD_CHARS]
    for known in ears.values():
        if is_piece(known.pieces, key):
            return False
    ear = ears.pop(speaker, None)
    if ear is None:
        pieces = keep_piece(key, text)
    elif start_s < ear.last_start_s:
        # Late: what it says is looked at, and the speaker goes on where it was.
        ears[speaker] = ear
        pieces = ()
    elif start_s - ear.last_end_s >= SPLIT_S:
        pieces = keep_piece(key, text)
    else:
        silence_from_s = ear.last_end_s
        pieces = _go_on(ear, key, text, words, after_pause=start_s - silence_from_s >= pause_s)
    words.append(text)
    if pieces:
        last_end_s = max(segment.end_s, silence_from_s)
        ears[speaker] = OpenUtterance(speaker, pieces, 0, start_s, last_end_s, now_s, now_s, start_s)
        if len(ears) > IDLE_LIMIT:
            del ears[next(iter(ears))]
    return True


def _go_on(ear: OpenUtterance, key: str, text: str, words: list[str], *, after_pause: bool) -> tuple[Piece, ...]:
    for piece in ear.pieces:
        words.append(piece.text)  # noqa: PERF401 (one or two)
    if text.count(" ") >= CONTEXT_WORDS and text[0] < _FIRST_UNSPACED:
        # What was said before does not matter any more.
        return keep_piece(key, text)
    pieces = join(ear.pieces, key, text, after_pause=after_pause)
    line = "".join([piece.text for piece in pieces])
    if text[:1] >= _FIRST_UNSPACED:
        words.append(line)
    return keep_rest(pieces, line)


def _build_state(
    state: HearingState, conversation_id: str, ears: tuple[OpenUtterance, ...], now_s: float, options: HearingOptions
) -> HearingState:
    recent = state.recent
    if recent:
        recent = tuple(known for known in recent if now_s - known[1] < options.near_duplicate_s)
    if not ears and not recent and not state.asked and not state.asker:
        return SILENT
    return HearingState(conversation_id, ears, state.asked, recent, state.asker, state.replied_at)
