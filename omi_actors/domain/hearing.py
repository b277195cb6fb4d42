"""Hearing: from segments to a question that was put to the wearable.

Not here: which segments are new (transcript.py), who answers (jobs/answer.py). Threads: none, pure.
A question is a wake phrase, as whole words, and the words of the same speaker that follow it in the same webhook.
"""

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass

from omi_actors.domain.segments import StoredSegment

# "Hey Omi" in its usual forms. Whole words only: They, promise, economics and Naomi hold the letters, not the words.
_WAKE = re.compile(r"(?<!\w)(?:hey|hi|hello|ok|okay|yo)\b[\s,.!:;–—-]*\bomi\b(?!['’-]?\w)", re.IGNORECASE)
_LEADING = re.compile(r"[\s,.!?:;…–—-]*")
# The first question mark ends the question, in Latin, full-width and Arabic script.
_QUESTION_END = re.compile(r"[?？؟]")
# Nobody says so many characters in one piece of speech; a longer one is kept, but not listened to.
_HEARD_CHARS = 20_000


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, and the key of the segment in which it was put: one question a segment."""

    text: str
    segment_key: str
    conversation_id: str


def find_question(segments: Sequence[StoredSegment], asked: Container[str] = ()) -> Question | None:
    """Return the first question among new segments, None when nobody asked.

    Segments whose keys are in `asked` have put theirs already: a longer version of one is no second question.
    `segments` is ordered by seq. The wake phrase may be split over segments of one speaker; other speakers' words
    between and after are never part of the question.
    """
    by_speaker: dict[str, list[StoredSegment]] = {}
    for segment in segments:
        if len(segment.text) <= _HEARD_CHARS:
            by_speaker.setdefault(segment.speaker, []).append(segment)
    for spoken in by_speaker.values():
        question = _find_in_speech(spoken, asked)
        if question is not None:
            return question
    return None


def _find_in_speech(spoken: Sequence[StoredSegment], asked: Container[str]) -> Question | None:
    """Look in one speaker's segments, read as one line."""
    line = " ".join(segment.text for segment in spoken)
    for wake in _WAKE.finditer(line):
        text = _cut_question(line, wake.end())
        if text:
            heard_in = _segment_at(spoken, wake.end() - 1)
            if heard_in.key not in asked:
                return Question(text, heard_in.key, heard_in.conversation_id)
    return None


def _cut_question(line: str, at: int) -> str:
    """Return the words after a wake phrase that ends `at`, up to the first question mark; "" when there are none."""
    leading = _LEADING.match(line, at)
    start = leading.end() if leading else at
    end = _QUESTION_END.search(line, start)
    text = line[start : end.end() if end else len(line)].strip()
    return text if any(char.isalnum() for char in text) else ""


def _segment_at(spoken: Sequence[StoredSegment], position: int) -> StoredSegment:
    """Return the segment that holds this position of the line that the segments make, joined by one blank each."""
    end = 0
    for segment in spoken:
        end += len(segment.text) + 1
        if position < end:
            return segment
    return spoken[-1]
