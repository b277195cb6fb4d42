"""Plan of a simulation: all webhooks with their times, and all questions with their words.

Not here: sentences (talk.py), kinds of episodes (kinds.py), sending (replay/sender.py).
Threads: any; pure: the same options give the same plan.
Source: Omi's real-time webhook. Speech is recognised in pieces and sent about a second later, at most once a second for
a wearable; times of segments count from the conversation's beginning.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from scripts.lab.replay.recording import RecordedRequest
from scripts.lab.simulate.kinds import SILENT, Episode, Kind, SpokenWords, build_episode
from scripts.lab.simulate.talk import TONGUES, Tongue

# Every second wearable uses the first tongue; the others share the rest.
_FIRST_TONGUE = 0.5
# One episode in so many is a question, or a mention; the others are small talk.
_QUESTION = 0.5
_MENTION = 0.2
# One webhook in ten is sent twice, as by a sender without a reply.
_RETRIED = 0.1
_RETRY_AFTER_S = (0.3, 1.0)
# Letters a second, and the shortest piece (s). A Japanese letter is a syllable.
_LETTERS_PER_S = 14.0
_SYLLABLES_PER_S = 6.0
_SHORTEST_S = 0.6
# Seconds between two pieces of speech, between episodes, from speech to its webhook, between two webhooks.
_BREATH_S = (0.1, 0.4)
_BETWEEN_TURNS_S = (0.3, 2.5)
_RECOGNISED_AFTER_S = (0.5, 1.0)
_WEBHOOKS_APART_S = 1.0
_STARTS_WITHIN_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of a simulation. No episode begins after `seconds`. `kinds` are allowed; small talk always is."""

    seed: int
    wearables: int = 60
    seconds: float = 60.0
    kinds: tuple[Kind, ...] = tuple(Kind)


@dataclass(frozen=True, slots=True)
class PlannedQuestion:
    """A question: its words after the wake phrase, and the webhook (its body) with the last of them."""

    uid: str
    kind: Kind
    words: str
    body: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Webhooks ordered by time, with `at_s` counted from 0, and all their questions."""

    webhooks: tuple[RecordedRequest, ...]
    asked: tuple[PlannedQuestion, ...]


def build_plan(options: Options) -> Plan:
    """Build the plan of all wearables."""
    wearables = [_Wearable(options, number) for number in range(options.wearables)]
    for wearable in wearables:
        wearable.talk()
    webhooks = sorted((one for wearable in wearables for one in wearable.webhooks), key=lambda one: one.at_s)
    return Plan(tuple(webhooks), tuple(one for wearable in wearables for one in wearable.asked))


class _Wearable:
    """Conversation of one wearable while the plan is built."""

    def __init__(self, options: Options, number: int) -> None:
        self.webhooks: list[RecordedRequest] = []
        self.asked: list[PlannedQuestion] = []
        self._options = options
        self._rng = rng = random.Random(f"{options.seed}/{number}")  # noqa: S311 (invented talk, not a secret)
        self._uid = f"simulated-{rng.getrandbits(32):08x}-{number}"
        self._tongue: Tongue = TONGUES[0] if rng.random() < _FIRST_TONGUE else rng.choice(TONGUES[1:])
        self._questions = list(self._tongue.questions)
        rng.shuffle(self._questions)
        self._asking = [kind for kind in options.kinds if kind not in SILENT]
        rng.shuffle(self._asking)
        self._begin_s = rng.uniform(0.0, _STARTS_WITHIN_S)
        # End of the last piece of speech, and time of the last webhook, in seconds since the run began.
        self._spoken_s = self._begin_s
        self._sent_s = 0.0
        # Id and start of each voice's last segment.
        self._last: dict[int, tuple[str, float]] = {}

    def talk(self) -> None:
        """Fill the time with episodes."""
        while self._spoken_s < self._options.seconds:
            self._take(self._choose_episode())

    def _choose_episode(self) -> Episode:
        chance = self._rng.random()
        kind, question = Kind.REMARK, ""
        if chance < _QUESTION and self._asking:
            # All kinds in a cycle, so that a short run has each; the same words return only after all others.
            kind, question = self._asking.pop(0), self._questions.pop(0)
            self._asking.append(kind)
            self._questions.append(question)
        elif chance < _QUESTION + _MENTION and Kind.MENTION in self._options.kinds:
            kind = Kind.MENTION
        return build_episode(kind, self._tongue, question, self._rng)

    def _take(self, episode: Episode) -> None:
        for number, said in enumerate(episode.webhooks):
            body = self._send([self._speak(one) for one in said])
            if episode.question and number == episode.ends_in:
                self.asked.append(PlannedQuestion(self._uid, episode.kind, episode.question, body))
        self._spoken_s = max(self._spoken_s, self._sent_s if episode.silence_s else 0.0) + episode.silence_s
        self._spoken_s += self._rng.uniform(*_BETWEEN_TURNS_S)

    def _speak(self, said: SpokenWords) -> dict[str, object]:
        """Add the duration of these words to the time, and return their segment."""
        self._spoken_s += self._rng.uniform(*_BREATH_S)
        if said.continues:
            segment_id, begin_s = self._last[said.voice]
        else:
            segment_id, begin_s = str(UUID(int=self._rng.getrandbits(128), version=4)), self._spoken_s
        rate = _LETTERS_PER_S if self._tongue.joint else _SYLLABLES_PER_S
        end_s = max(begin_s + max(_SHORTEST_S, len(said.text) / rate), self._spoken_s)
        self._last[said.voice] = (segment_id, begin_s)
        self._spoken_s = end_s
        return self._build_segment(segment_id, said, begin_s - self._begin_s, end_s - self._begin_s)

    def _send(self, segments: Sequence[dict[str, object]]) -> str:
        """Plan a webhook with these segments, sometimes twice; return its body."""
        rng = self._rng
        at_s = max(self._spoken_s + rng.uniform(*_RECOGNISED_AFTER_S), self._sent_s + _WEBHOOKS_APART_S)
        body = json.dumps({"session_id": self._uid, "segments": segments}, ensure_ascii=False)
        is_retried = rng.random() < _RETRIED
        headers = {"content-type": "application/json"}
        if is_retried:
            headers["idempotency-key"] = str(UUID(int=rng.getrandbits(128), version=4))
        query = {"uid": self._uid}
        webhook = RecordedRequest(at_s=at_s, path="/omi-webhook", query=query, headers=headers, body=body)
        self.webhooks.append(webhook)
        self._sent_s = at_s
        if is_retried:
            again_s = at_s + rng.uniform(*_RETRY_AFTER_S)
            again = RecordedRequest(at_s=again_s, path="/omi-webhook", query=query, headers=headers, body=body)
            self.webhooks.append(again)
            self._sent_s = again_s
        return body

    def _build_segment(self, segment_id: str, said: SpokenWords, start_s: float, end_s: float) -> dict[str, object]:
        return {
            "id": segment_id,
            "text": said.text,
            "speaker": f"SPEAKER_{said.voice:02d}",
            "speaker_id": said.voice,
            "is_user": said.voice == 0,
            "person_id": None,
            "start": round(start_s, 2),
            "end": round(end_s, 2),
            "translations": [],
            "speech_profile_processed": True,
        }
