"""Kinds of things to say, and how the platform sends them: each kind makes a few webhooks, with the question in them.

Not here: the sentences (talk.py), whose turn it is and when (plan.py). Threads: none, pure; chance is an argument.
A webhook's segments are what was recognised since the last one; a question may lie across segments and webhooks.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

from scripts.lab.simulate.talk import Tongue

# Voices by number; 0 wears the wearable.
VOICES = 3
# No wearer in five: somebody else asks.
_ASKED_BY_OTHERS = 0.2
# Silence (s) of everybody, or of the one who asked, after a question that nothing else ends.
_SILENCE_S = (3.5, 6.0)


class Kind(StrEnum):
    """What a wearable may hear. Of `remark` and `mention` nothing may come; all others hold one question."""

    REMARK = "remark"
    MENTION = "mention"
    PLAIN = "plain"
    TWO_SEGMENTS = "two_segments"
    INTERRUPTED = "interrupted"
    WAKE_THEN_WEBHOOK = "wake_then_webhook"
    SPLIT = "split"
    PAUSE = "pause"
    PAUSE_OTHERS_TALK = "pause_others_talk"
    GROWING = "growing"


# All of the question stands in one webhook, and its words say where it ends.
WHOLE = (Kind.PLAIN, Kind.TWO_SEGMENTS, Kind.INTERRUPTED)
SILENT = (Kind.REMARK, Kind.MENTION)


@dataclass(frozen=True, slots=True)
class Said:
    """One voice's words in one segment. With `continues` they grow the last segment of the same voice: same id."""

    voice: int
    text: str
    continues: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """What happens next: some webhooks, and then `silence_s` in which the platform sends nothing.

    `question` is what was asked, "" for nothing, with its last words in webhook `ends_in` (an index, from 0).
    """

    kind: Kind
    webhooks: tuple[tuple[Said, ...], ...]
    question: str = ""
    ends_in: int = 0
    silence_s: float = 0.0


def build_turn(kind: Kind, tongue: Tongue, question: str, rng: random.Random) -> Turn:
    """Return one turn of a kind; `question` is one of the tongue's, and goes unused in a silent kind."""
    return _BUILDERS[kind](_Telling(kind, tongue, question, rng))


class _Telling:
    """What the builders share: a voice that asks, and the parts of its sentence."""

    def __init__(self, kind: Kind, tongue: Tongue, question: str, rng: random.Random) -> None:
        self.kind = kind
        self.tongue = tongue
        self.rng = rng
        self.voice = rng.randrange(1, VOICES) if rng.random() < _ASKED_BY_OTHERS else 0
        self.wake = rng.choice(tongue.wakes)
        self.words = question
        self.asked = question.replace("|", "")

    def remark(self, *, by_other: bool = False) -> Said:
        """Return small talk, if wanted of somebody else than who asks."""
        voices = [voice for voice in range(VOICES) if not by_other or voice != self.voice]
        return Said(self.rng.choice(voices), self.rng.choice(self.tongue.remarks))

    def say(self, *parts: str) -> Said:
        """Return the asking voice's words, parts joined as the language does."""
        return Said(self.voice, self.tongue.joint.join(part.replace("|", "") for part in parts))

    def cut(self, text: str, pieces: int) -> list[str]:
        """Cut a sentence into up to so many pieces, at places by chance."""
        atoms = text.split("|") if "|" in text else text.split(" ")
        joint = "" if "|" in text else " "
        places = sorted(self.rng.sample(range(1, len(atoms)), min(pieces, len(atoms)) - 1))
        bounds = [0, *places, len(atoms)]
        return [joint.join(atoms[start:stop]) for start, stop in pairwise(bounds)]

    def turn(self, *webhooks: tuple[Said, ...], ends_in: int, silence_s: float = 0.0) -> Turn:
        """Return the turn with the question in it."""
        return Turn(self.kind, webhooks, self.asked, ends_in, silence_s)


def _remark(telling: _Telling) -> Turn:
    said = tuple(telling.remark() for _ in range(telling.rng.randint(1, 2)))
    return Turn(telling.kind, (said,))


def _mention(telling: _Telling) -> Turn:
    said = Said(telling.rng.randrange(VOICES), telling.rng.choice(telling.tongue.mentions))
    return Turn(telling.kind, ((said, telling.remark(by_other=True)),))


def _plain(telling: _Telling) -> Turn:
    said = telling.say(telling.wake, telling.words + telling.tongue.mark)
    webhook = (telling.remark(by_other=True), said) if telling.rng.random() < 1 / 2 else (said,)
    return telling.turn(webhook, ends_in=0)


def _two_segments(telling: _Telling) -> Turn:
    wake, words = telling.say(telling.wake), telling.say(telling.words + telling.tongue.mark)
    return telling.turn((wake, words), ends_in=0)


def _interrupted(telling: _Telling) -> Turn:
    first, second = telling.cut(telling.words + telling.tongue.mark, 2)
    other = replace(telling.remark(by_other=True), text=telling.rng.choice(telling.tongue.interjections))
    webhook = (telling.say(telling.wake, first), other, telling.say(second))
    return telling.turn(webhook, ends_in=0)


def _wake_then_webhook(telling: _Telling) -> Turn:
    words = telling.say(telling.words + telling.tongue.mark)
    return telling.turn((telling.say(telling.wake),), (words,), ends_in=1)


def _split(telling: _Telling) -> Turn:
    sentence = telling.tongue.joint.join([telling.wake, telling.words + telling.tongue.mark])
    if not telling.tongue.joint:
        sentence = "|".join([telling.wake, telling.words + telling.tongue.mark])
    pieces = telling.cut(sentence, telling.rng.randint(2, 3))
    return telling.turn(*((telling.say(piece),) for piece in pieces), ends_in=len(pieces) - 1)


def _pause(telling: _Telling) -> Turn:
    said = telling.say(telling.wake, telling.words)
    return telling.turn((said,), ends_in=0, silence_s=telling.rng.uniform(*_SILENCE_S))


def _pause_others_talk(telling: _Telling) -> Turn:
    said = telling.say(telling.wake, telling.words)
    others = tuple((telling.remark(by_other=True),) for _ in range(3))
    return telling.turn((said,), *others, ends_in=0)


def _growing(telling: _Telling) -> Turn:
    first, _ = telling.cut(telling.words, 2)
    begun = telling.say(telling.wake, first)
    whole = telling.say(telling.wake, telling.words + telling.tongue.mark)
    return telling.turn((begun,), (Said(whole.voice, whole.text, continues=True),), ends_in=1)


_BUILDERS: Mapping[Kind, Callable[[_Telling], Turn]] = {
    Kind.REMARK: _remark,
    Kind.MENTION: _mention,
    Kind.PLAIN: _plain,
    Kind.TWO_SEGMENTS: _two_segments,
    Kind.INTERRUPTED: _interrupted,
    Kind.WAKE_THEN_WEBHOOK: _wake_then_webhook,
    Kind.SPLIT: _split,
    Kind.PAUSE: _pause,
    Kind.PAUSE_OTHERS_TALK: _pause_others_talk,
    Kind.GROWING: _growing,
}
