"""Invented conversations: several wearables, several speakers, and sometimes a question to Omi.

Not here: sending (sender.py). Threads: any; pure: the same seed gives the same conversations. Ids and texts of segments
are unique in a run, so that losses and duplicates show.
"""

import itertools
import random
from collections.abc import Iterator

from scripts.lab.replay.recording import RecordedRequest, build_webhook

_OPENERS = ("I think", "They said", "We agreed", "Maybe", "It seems", "She wrote", "Yesterday I heard", "You know")
_SUBJECTS = ("the garden", "our trip", "the budget", "that recipe", "the meeting", "his bicycle", "the new office")
_REMARKS = ("needs more time", "was better than last year", "should be cheaper", "starts on Monday", "looks fine")
_QUESTIONS = (
    "what is the capital of Australia",
    "how long do I boil an egg",
    "who wrote the letter to the council",
    "how far is the moon",
    "which tree loses its needles in winter",
)
_SPEAKERS = 3
# Omi reports once a second and user; a segment is a few seconds of speech.
_SPEECH_S = 2.5


class ConversationGenerator:
    """Endless, seeded stream of webhooks from `users` wearables, `rate_per_s` in all, evenly spaced.

    One webhook in `question_every` holds a question: wake phrase and question in one segment.
    """

    def __init__(self, *, seed: int, users: int = 20, rate_per_s: float = 50.0, question_every: int = 10) -> None:
        self._rng = random.Random(seed)  # noqa: S311 (invented talk, not a secret)
        self._run = f"{self._rng.getrandbits(32):08x}"
        self._users = users
        self._rate_per_s = rate_per_s
        self._question_every = question_every
        self._spoken_s = [0.0] * users
        self._words = itertools.count(1)

    @property
    def uids(self) -> list[str]:
        """Return the uids of the wearables."""
        return [self._uid_of(user) for user in range(self._users)]

    def __iter__(self) -> Iterator[RecordedRequest]:
        """Yield webhooks without end, with `at_s` counted from 0."""
        for number in itertools.count():
            yield self._build_webhook(number)

    def take(self, count: int) -> list[RecordedRequest]:
        """Return the first `count` webhooks of a new iteration; ids continue after the last iteration."""
        return list(itertools.islice(self, count))

    def _build_webhook(self, number: int) -> RecordedRequest:
        user = self._rng.randrange(self._users)
        segments = [self._build_segment(user, self._build_remark()) for _ in range(self._rng.randint(1, 3))]
        if self._rng.randrange(self._question_every) == 0:
            segments.append(self._build_segment(user, self._build_question()))
        return build_webhook(self._uid_of(user), segments, at_s=number / self._rate_per_s)

    def _uid_of(self, user: int) -> str:
        return f"replay-{self._run}-{user}"

    def _build_segment(self, user: int, text: str) -> dict[str, object]:
        start_s = self._spoken_s[user]
        self._spoken_s[user] = start_s + _SPEECH_S
        speaker = self._rng.randrange(_SPEAKERS)
        return {
            "id": f"{self._run}-{next(self._words)}",
            "text": text,
            "speaker": f"SPEAKER_{speaker:02d}",
            "speaker_id": speaker,
            "is_user": speaker == 0,
            "person_id": None,
            "start": round(start_s, 2),
            "end": round(start_s + _SPEECH_S, 2),
        }

    def _build_remark(self) -> str:
        choose = self._rng.choice
        return f"{choose(_OPENERS)} {choose(_SUBJECTS)} {choose(_REMARKS)}, note {self._run} {next(self._words)}."

    def _build_question(self) -> str:
        return f"Hey Omi, {self._rng.choice(_QUESTIONS)}, question {self._run} {next(self._words)}?"
