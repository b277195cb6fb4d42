"""Kinds of episodes: each gives a few webhooks with small talk, or with a question in pieces, as the platform cuts it.

Not here: the sentences (talk.py), the choice and time of an episode (plan.py). Threads: any; pure; the random generator
is an argument. A webhook holds the segments recognised since the last one; a question may span segments and webhooks.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

from scripts.lab.simulate.talk import Tongue

# Number of voices; voice 0 is the wearer.
VOICES = 3
# Share of questions that another voice asks.
_ASKED_BY_OTHERS = 0.2
# Silence (s), of all voices or of the asking one, after a question that only a pause ends.
_SILENCE_S = (3.5, 6.0)


class Kind(StrEnum):
    """Kinds of episodes. `remark` and `mention` hold no question; all others hold one."""

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


# Kinds with the whole question in one webhook, and with words that show its end.
WHOLE = (Kind.PLAIN, Kind.TWO_SEGMENTS, Kind.INTERRUPTED)
SILENT = (Kind.REMARK, Kind.MENTION)


@dataclass(frozen=True, slots=True)
class SpokenWords:
    """Words of one voice in one segment. If `continues`, they extend the voice's last segment and share its id."""

    voice: int
    text: str
    continues: bool = False


@dataclass(frozen=True, slots=True)
class Episode:
    """An episode: some webhooks, then `silence_s` seconds in which the platform sends no webhook.

    `question` is the question of the episode, "" if there is none. Webhook number `ends_in` (from 0) has its last
    words.
    """

    kind: Kind
    webhooks: tuple[tuple[SpokenWords, ...], ...]
    question: str = ""
    ends_in: int = 0
    silence_s: float = 0.0


def build_episode(kind: Kind, tongue: Tongue, question: str, rng: random.Random) -> Episode:
    """Return an episode of this kind. `question` is a sentence of `tongue`; kinds without a question ignore it."""
    return _BUILDERS[kind](_Speaker(kind, tongue, question, rng))


class _Speaker:
    """The asking voice and the parts of its sentence, for all builders."""

    def __init__(self, kind: Kind, tongue: Tongue, question: str, rng: random.Random) -> None:
        self.kind = kind
        self.tongue = tongue
        self.rng = rng
        self.voice = rng.randrange(1, VOICES) if rng.random() < _ASKED_BY_OTHERS else 0
        self.wake = rng.choice(tongue.wakes)
        self.words = question
        self.asked = question.replace("|", "")

    def remark(self, *, by_other: bool = False) -> SpokenWords:
        """Return small talk, on request in another voice than the question."""
        voices = [voice for voice in range(VOICES) if not by_other or voice != self.voice]
        return SpokenWords(self.rng.choice(voices), self.rng.choice(self.tongue.remarks))

    def say(self, *parts: str) -> SpokenWords:
        """Return words of the asking voice. The parts are joined with or without blanks, as the language needs."""
        return SpokenWords(self.voice, self.tongue.joint.join(part.replace("|", "") for part in parts))

    def cut(self, text: str, pieces: int) -> list[str]:
        """Cut a sentence at random places into at most the given number of pieces."""
        atoms = text.split("|") if "|" in text else text.split(" ")
        joint = "" if "|" in text else " "
        places = sorted(self.rng.sample(range(1, len(atoms)), min(pieces, len(atoms)) - 1))
        bounds = [0, *places, len(atoms)]
        return [joint.join(atoms[start:stop]) for start, stop in pairwise(bounds)]

    def episode(self, *webhooks: tuple[SpokenWords, ...], ends_in: int, silence_s: float = 0.0) -> Episode:
        """Build an episode of these webhooks, which ask the speaker's question.

        Its last words are in webhook number `ends_in` (from 0).
        """
        return Episode(self.kind, webhooks, self.asked, ends_in, silence_s)


def _remark(speaker: _Speaker) -> Episode:
    said = tuple(speaker.remark() for _ in range(speaker.rng.randint(1, 2)))
    return Episode(speaker.kind, (said,))


def _mention(speaker: _Speaker) -> Episode:
    said = SpokenWords(speaker.rng.randrange(VOICES), speaker.rng.choice(speaker.tongue.mentions))
    return Episode(speaker.kind, ((said, speaker.remark(by_other=True)),))


def _plain(speaker: _Speaker) -> Episode:
    said = speaker.say(speaker.wake, speaker.words + speaker.tongue.mark)
    webhook = (speaker.remark(by_other=True), said) if speaker.rng.random() < 1 / 2 else (said,)
    return speaker.episode(webhook, ends_in=0)


def _two_segments(speaker: _Speaker) -> Episode:
    wake, words = speaker.say(speaker.wake), speaker.say(speaker.words + speaker.tongue.mark)
    return speaker.episode((wake, words), ends_in=0)


def _interrupted(speaker: _Speaker) -> Episode:
    first, second = speaker.cut(speaker.words + speaker.tongue.mark, 2)
    other = replace(speaker.remark(by_other=True), text=speaker.rng.choice(speaker.tongue.interjections))
    webhook = (speaker.say(speaker.wake, first), other, speaker.say(second))
    return speaker.episode(webhook, ends_in=0)


def _wake_then_webhook(speaker: _Speaker) -> Episode:
    words = speaker.say(speaker.words + speaker.tongue.mark)
    return speaker.episode((speaker.say(speaker.wake),), (words,), ends_in=1)


def _split(speaker: _Speaker) -> Episode:
    sentence = speaker.tongue.joint.join([speaker.wake, speaker.words + speaker.tongue.mark])
    if not speaker.tongue.joint:
        sentence = "|".join([speaker.wake, speaker.words + speaker.tongue.mark])
    pieces = speaker.cut(sentence, speaker.rng.randint(2, 3))
    return speaker.episode(*((speaker.say(piece),) for piece in pieces), ends_in=len(pieces) - 1)


def _pause(speaker: _Speaker) -> Episode:
    said = speaker.say(speaker.wake, speaker.words)
    return speaker.episode((said,), ends_in=0, silence_s=speaker.rng.uniform(*_SILENCE_S))


def _pause_others_talk(speaker: _Speaker) -> Episode:
    said = speaker.say(speaker.wake, speaker.words)
    others = tuple((speaker.remark(by_other=True),) for _ in range(3))
    return speaker.episode((said,), *others, ends_in=0)


def _growing(speaker: _Speaker) -> Episode:
    first, _ = speaker.cut(speaker.words, 2)
    begun = speaker.say(speaker.wake, first)
    whole = speaker.say(speaker.wake, speaker.words + speaker.tongue.mark)
    return speaker.episode((begun,), (SpokenWords(whole.voice, whole.text, continues=True),), ends_in=1)


_BUILDERS: Mapping[Kind, Callable[[_Speaker], Episode]] = {
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
