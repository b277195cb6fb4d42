"""Vectors of a person's texts: waiting texts, new vectors, and the texts whose vectors are nearest to a question's.

Only with the extra `semantic`. A vector leaves with its text, by a foreign key. Not here: making vectors
(actors/embedder.py). Threads: a store actor's; `VectorCache` from several readers.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from omi_actors.clock import Clock
from omi_actors.domain.people.meaning import MAX_NEAR, strip_names
from omi_actors.domain.people.recall import SIGN
from omi_actors.store.people.recall import load_texts
from omi_actors.store.people.recall_index import NUMBERS
from omi_actors.store.transaction import Transaction

# Persons among whom one with waiting texts is chosen.
_OWNERS = 16
# Newest texts of one person that are compared: about 10 MB of memory, and 8 ms.
MAX_VECTORS = 20_000
# Bytes of vectors in memory: six persons of the largest size.
_CACHE_BYTES = 64 * 2**20
# Seconds for which vectors stay in memory: those of deleted texts are gone after this time at the latest.
_KEEP_S = 300.0
# A text counts together with the one before it, as an answer does with its question.
_BEFORE = 0.5
# Texts among the nearest for each that is found: many are said again and again.
_REPEATS = 8
# Rows that become numbers at a time: as much as a core's cache holds.
_ROWS = 2_048

_FIND_OWNERS = (
    "SELECT no, account_id, last_vector, last_text, speakers FROM recall_owner WHERE last_vector < last_text LIMIT ?"
)
_FIND_NEW = "SELECT no, follows, vector FROM recall_vector WHERE no > ? AND no < ? ORDER BY no DESC LIMIT ?"
# A text that was deleted meanwhile gets none.
_INSERT = (
    "INSERT INTO recall_vector (no, follows, vector) SELECT no, follows, ? FROM recall_text WHERE no = ?"
    " ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class WaitingTexts:
    """The next texts of a person that have no vector, by number. They stand between two places of the person's."""

    owner_no: int
    begin: int
    end: int
    texts: tuple[tuple[int, str], ...]


def find_waiting(tx: Transaction, *, pick: float, limit: int) -> WaitingTexts | None:
    """Return the next texts of one person that need a vector; None if there is none.

    `pick` (from 0 to 1) chooses the person, so that a long backlog holds nobody up, nor two nodes do the same.
    """
    owners = tx.fetch(_FIND_OWNERS, (_OWNERS,))
    if not owners:
        return None
    owner_no, account_id, begin, end, speakers = owners[int(pick * len(owners))]
    base = owner_no * NUMBERS
    rows = tx.fetch(
        "SELECT no, words FROM recall_text WHERE no > ? AND no <= ? ORDER BY no LIMIT ?",
        (base + begin, base + end, limit),
    )
    if len(rows) == limit:
        end = rows[-1][0] - base
    prefix = f"{owner_no}_{SIGN}"
    # "Yes." means nothing.
    numbers = [no for no, words in rows if not all(word.startswith(prefix) for word in words.split())]
    names = speakers.split()
    texts = tuple((one.number, strip_names(one.text, names)) for one in load_texts(tx, account_id, numbers))
    return WaitingTexts(owner_no, begin, end, texts)


def keep_vectors(tx: Transaction, waiting: WaitingTexts, vectors: Sequence[tuple[int, bytes]]) -> None:
    """Store vectors by the numbers of their texts; nothing if another node has done so."""
    is_ours = tx.run(
        "UPDATE recall_owner SET last_vector = ? WHERE no = ? AND last_vector = ?",
        (waiting.end, waiting.owner_no, waiting.begin),
    )
    for number, vector in vectors if is_ours else ():
        tx.run(_INSERT, (vector, number))


def load_speakers(tx: Transaction, account_id: str) -> tuple[str, ...]:
    """Load the folded names of all speakers whom a person's texts name."""
    row = tx.fetch_one("SELECT speakers FROM recall_owner WHERE account_id = ?", (account_id,))
    return tuple(row[0].split()) if row is not None else ()


@dataclass(slots=True)
class _Vectors:
    """A person's vectors, in the order of their texts. `last` is the largest number that was looked for."""

    since_mono_s: float
    last: int
    numbers: Any = None
    follows: Any = None
    matrix: Any = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def size(self) -> int:
        return 0 if self.matrix is None else int(self.matrix.nbytes)


class VectorCache:
    """Finds the nearest vectors. It keeps those of the latest persons for some minutes, and looks for new ones."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._persons: OrderedDict[int, _Vectors] = OrderedDict()

    def find_near(self, tx: Transaction, owner_no: int, vector: bytes) -> list[int]:
        """Return the numbers of the person's texts that are nearest to a vector, the nearest first."""
        person = self._take(owner_no)
        with person.lock:
            _load(tx, owner_no, person, len(vector))
            near = _find_nearest(person, vector)
        self._bound()
        return near

    def _take(self, owner_no: int) -> _Vectors:
        now_mono_s = self._clock.mono_s()
        with self._lock:
            for known, person in list(self._persons.items()):
                if now_mono_s - person.since_mono_s >= _KEEP_S:
                    del self._persons[known]
            person = self._persons.setdefault(owner_no, _Vectors(now_mono_s, owner_no * NUMBERS))
            self._persons.move_to_end(owner_no)
            return person

    def _bound(self) -> None:
        with self._lock:
            while sum(person.size for person in self._persons.values()) > _CACHE_BYTES:
                self._persons.popitem(last=False)


def _load(tx: Transaction, owner_no: int, person: _Vectors, length: int) -> None:
    """Load the vectors that are new since the last time; those of another length are another model's."""
    import numpy as np  # noqa: PLC0415 (only with the extra)

    rows = tx.fetch(_FIND_NEW, (person.last, (owner_no + 1) * NUMBERS, MAX_VECTORS))[::-1]
    rows = [row for row in rows if len(row[2]) == length]
    if not rows:
        return
    numbers, follows, vectors = zip(*rows, strict=True)
    person.last = numbers[-1]
    fresh: tuple[Any, Any, Any] = (
        np.array(numbers, dtype=np.int64),
        np.array(follows, dtype=bool),
        np.frombuffer(b"".join(map(bytes, vectors)), dtype=np.int8).reshape(len(rows), -1),
    )
    if person.matrix is None:
        person.numbers, person.follows, person.matrix = fresh
        return
    person.numbers = np.concatenate([person.numbers, fresh[0]])[-MAX_VECTORS:]
    person.follows = np.concatenate([person.follows, fresh[1]])[-MAX_VECTORS:]
    person.matrix = np.concatenate([person.matrix, fresh[2]])[-MAX_VECTORS:]


def _find_nearest(person: _Vectors, vector: bytes) -> list[int]:
    import numpy as np  # noqa: PLC0415 (only with the extra)

    if person.matrix is None:
        return []
    asked = np.frombuffer(vector, dtype=np.int8).astype(np.float32)
    blocks = range(0, len(person.matrix), _ROWS)
    # Not by `@`: its threads wait for each other, which takes 30 ms on a busy machine.
    alone = np.concatenate(
        [np.einsum("ij,j->i", person.matrix[at : at + _ROWS].astype(np.float32), asked) for at in blocks]
    )
    scores = alone.copy()
    has_before = person.follows[1:] & (np.diff(person.numbers) == 1)
    scores[1:] += np.where(has_before, _BEFORE * alone[:-1], 0.0)
    best = np.argsort(-scores, kind="stable")[: MAX_NEAR * _REPEATS]
    # Sums of whole numbers are exact, so equal texts have equal scores alone: each is found once.
    _, first = np.unique(alone[best], return_index=True)
    return [int(number) for number in person.numbers[best[np.sort(first)][:MAX_NEAR]]]
