"""Talk after an answer: how often it is taken for a follow-up, and how often a real follow-up is missed.

Each turn is spoken by the asker, two seconds after an answer, with the listen mode FOLLOWUP. Not here: cases with
expected questions (play.py), the turns (tests/hearing/talk/). Threads: none.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec

from omi_actors.domain.hearing.hearing import hear, note_answer, note_reply, pause_over
from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.hearing.state import SILENT, Doubt, HearingOptions, ListenMode, Question

# Most turns of talk taken for a follow-up, and most follow-ups missed, by words alone and with the judge.
MOST_FALSE, MOST_MISSED = 0.10, 0.05
# Share of its judgements in which the scripted judge is wrong; it stands for a model, of which it says nothing.
JUDGE_ERRS = 0.10
_FOLLOWUP = HearingOptions(mode=ListenMode.FOLLOWUP)
# Seconds: the answer to a question at 0, the turn after it, and the end of all pauses.
_ANSWERED_S, _SPOKEN_S, _OVER_S = 2.0, 4.0, 60.0


class _Exchange(msgspec.Struct, frozen=True, array_like=True):
    question: str
    answer: str
    followups: tuple[str, ...]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    exchanges: tuple[_Exchange, ...]
    talk: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """Words spoken after the answer to a question; `is_followup`: they are meant for the wearable."""

    language: str
    question: str
    answer: str
    text: str
    is_followup: bool

    @property
    def is_held_out(self) -> bool:
        """Return True if the turn is not used for tuning: half of them, by the hash of the text."""
        return sha256(self.text.encode()).digest()[0] % 2 == 0


def load_turns(folder: Path) -> tuple[Turn, ...]:
    """Load all turns by language. Talk follows each of the exchanges in turn."""
    return tuple(turn for file in sorted(folder.glob("*.json")) for turn in _read(file))


def _read(file: Path) -> Iterator[Turn]:
    read = msgspec.json.decode(file.read_bytes(), type=_File)
    for one in read.exchanges:
        for text in one.followups:
            yield Turn(file.stem, one.question, one.answer, text, is_followup=True)
    for number, text in enumerate(read.talk):
        one = read.exchanges[number % len(read.exchanges)]
        yield Turn(file.stem, one.question, one.answer, text, is_followup=False)


def take(turn: Turn) -> Question | None:
    """Return the question that the words of a turn become; None if they are left alone."""
    asked = hear(SILENT, (_say(turn.question, "q", 0.0),), 1.0, _FOLLOWUP)
    state = note_reply(note_answer(asked.state, turn.answer), _ANSWERED_S)
    heard = hear(state, (_say(turn.text, "t", 3.0),), _SPOKEN_S, _FOLLOWUP)
    ended = pause_over(heard.state, _OVER_S, _FOLLOWUP)
    return next(iter((*heard.questions, *ended.questions)), None)


def _say(text: str, key: str, start_s: float) -> StoredSegment:
    return StoredSegment(
        key=key,
        seq=0,
        conversation_id="c",
        text=text,
        speaker="A",
        speaker_id=None,
        is_user=True,
        person_id=None,
        start_s=start_s,
        end_s=start_s + 1.0,
        created_at=start_s + 1.0,
    )


def judge(turn: Turn) -> bool:
    """Return the scripted judge's opinion whether a turn is meant; it is wrong at the stated rate."""
    is_wrong = sha256(b"judge" + turn.text.encode()).digest()[0] < 256 * JUDGE_ERRS
    return turn.is_followup != is_wrong


@dataclass(frozen=True, slots=True)
class Rates:
    """Turns and follow-ups, and how many of them went wrong: by words alone, and with the judge after them."""

    talk: int
    followups: int
    false: int
    missed: int
    judged_false: int
    judged_missed: int

    @property
    def is_good(self) -> bool:
        """Return True if the words alone, and the whole path, keep to the limits."""
        false, missed = max(self.false, self.judged_false), max(self.missed, self.judged_missed)
        return false <= MOST_FALSE * self.talk and missed <= MOST_MISSED * self.followups


def rate(turns: Iterable[Turn]) -> Rates:
    """Count the turns that the two steps decide wrongly."""
    decided = [(turn, take(turn)) for turn in turns]
    talk = [(turn, question) for turn, question in decided if not turn.is_followup]
    followups = [(turn, question) for turn, question in decided if turn.is_followup]
    return Rates(
        len(talk),
        len(followups),
        sum(question is not None for _, question in talk),
        sum(question is None for _, question in followups),
        sum(_is_answered(turn, question) for turn, question in talk),
        sum(not _is_answered(turn, question) for turn, question in followups),
    )


def _is_answered(turn: Turn, question: Question | None) -> bool:
    """Return True if the whole path answers: the judge is asked only about a question in doubt."""
    return question is not None and (question.doubt is Doubt.NONE or judge(turn))


def render_talk(turns: Sequence[Turn]) -> Iterator[str]:
    """Return the lines of the report."""
    columns = ("turns", "taken", "follow-ups", "missed", "judged: taken", "judged: missed")
    for title, part in _parts(turns):
        yield f"{f'talk, {title}':22}" + "".join(f"{name:>15}" for name in columns)
        for language in sorted({turn.language for turn in part}):
            yield _line(language, rate(turn for turn in part if turn.language == language))
        yield _line("all", rate(part))
        yield ""


def _parts(turns: Sequence[Turn]) -> tuple[tuple[str, list[Turn]], ...]:
    return (
        ("tuned", [turn for turn in turns if not turn.is_held_out]),
        ("held out", [turn for turn in turns if turn.is_held_out]),
    )


def _line(name: str, rates: Rates) -> str:
    figures = (
        str(rates.talk),
        _share(rates.false, rates.talk),
        str(rates.followups),
        _share(rates.missed, rates.followups),
        _share(rates.judged_false, rates.talk),
        _share(rates.judged_missed, rates.followups),
    )
    return f"  {name:20}" + "".join(f"{figure:>15}" for figure in figures)


def _share(part: int, whole: int) -> str:
    return f"{part} = {part / whole:.3f}" if whole else "-"


def is_left_alone(turns: Sequence[Turn]) -> bool:
    """Return True if the rates keep to the limits, among the tuned turns and among those held out."""
    return all(rate(part).is_good for _, part in _parts(turns))
