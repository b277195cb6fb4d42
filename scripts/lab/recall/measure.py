"""Asking the questions of invented persons of a real store, beside the database's own full-text search.

Not here: persons (world.py), printing (__main__.py). Threads: the caller's.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from omi_actors.actors.embedder import Encode
from omi_actors.clock import SystemClock
from omi_actors.domain.people.meaning import strip_names
from omi_actors.domain.people.words import split_words
from omi_actors.store.dialect import build_insert
from omi_actors.store.engine import Engine, StoreConfig
from omi_actors.store.people.recall import RecalledText, find_texts
from omi_actors.store.people.recall_index import index_session
from omi_actors.store.people.recall_vectors import VectorCache, find_waiting, keep_vectors, load_speakers
from omi_actors.store.transaction import NodeIdentity, Transaction
from scripts.lab.recall.world import Asked, Person
from scripts.lab.replay.postgres_server import fresh_postgres_database

DATABASES = ("sqlite", "postgres")
# Texts found for a question that are looked at.
DEEPEST = 10
_BATCH = 500
_INSERT_SEGMENT = build_insert(
    "transcript_segment",
    "session_id, seq, key, conversation_id, text, speaker, is_user, start_s, end_s, created_at",
)
_INSERT_SESSION = (
    "INSERT INTO session (id, session_key, uid, account_id, node, incarnation, epoch, conversation_number, last_seq,"
    " last_end_s, created_at, last_seen_at) VALUES (?, ?, ?, ?, '', 0, 1, 0, 0, 0, 0, 0)"
)
_INSERT_ACCOUNT = "INSERT INTO account (id, email, password_hash, created_at, updated_at) VALUES (?, ?, 'none', 0, 0)"
# The base line: the database's own search over the whole text, with its own ranking.
_PLAIN_INDEX = {
    "sqlite": (
        "CREATE VIRTUAL TABLE plain USING fts5 (text, owner UNINDEXED, seq UNINDEXED)",
        "INSERT INTO plain SELECT text, session_id, seq FROM transcript_segment WHERE session_id = ?",
    ),
    "postgres": (
        "CREATE TABLE plain (owner TEXT, seq BIGINT, words tsvector)",
        (
            "INSERT INTO plain SELECT session_id, seq, to_tsvector('simple', text) FROM transcript_segment"
            " WHERE session_id = ?"
        ),
    ),
}
_PLAIN_SEARCH = {
    "sqlite": ("SELECT seq FROM plain WHERE plain MATCH ? AND owner = ? ORDER BY rank LIMIT ?", " OR "),
    "postgres": (
        (
            "SELECT seq FROM plain, CAST(? AS tsquery) AS query WHERE words @@ query AND owner = ?"
            " ORDER BY ts_rank(words, query) DESC LIMIT ?"
        ),
        " | ",
    ),
}

# Texts that get a vector in one step.
_EMBEDDED = 500

Search = Callable[[Transaction, str, str], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Found:
    """The result of one question: the place of its evidence, from 1; None if it was not found."""

    asked: Asked
    place: int | None
    seconds: float


@contextmanager
def open_store(database: str) -> Iterator[Engine]:
    """Open an empty store."""
    with TemporaryDirectory() as folder:
        if database == "sqlite":
            yield from _open(StoreConfig(url="", data_dir=Path(folder)))
        else:
            with fresh_postgres_database() as url:
                yield from _open(StoreConfig(url=url, data_dir=Path(folder)))


def _open(config: StoreConfig) -> Iterator[Engine]:
    engine = Engine(config, NodeIdentity("recall", 1))
    engine.open()
    with closing(engine):
        yield engine


def store_person(engine: Engine, name: str, person: Person) -> None:
    """Store a person with everything that was said around them, and index it."""
    _do(engine, partial(_insert_person, name=name, person=person))
    while _do(engine, partial(index_session, session_id=name, until=float("inf"), limit=_BATCH)):
        pass


def _insert_person(tx: Transaction, name: str, person: Person) -> None:
    tx.run(_INSERT_ACCOUNT, (name, f"{name}@example.com"))
    tx.run(_INSERT_SESSION, (name, f"omi:{name}", name, name))
    rows = [
        (name, seq, str(seq), f"{name}-{said.conversation}", said.text, said.speaker, False, 0.0, 0.0, said.at)
        for seq, said in enumerate(person.said, 1)
    ]
    tx.run_bulk(_INSERT_SEGMENT, rows)


def store_plain(engine: Engine, database: str, names: Sequence[str]) -> None:
    """Make the base line's index of these persons' texts."""
    create, fill = _PLAIN_INDEX[database]
    _do(engine, lambda tx: tx.run(create))
    for name in names:
        _do(engine, partial(Transaction.run, sql=fill, params=(name,)))


def _do(engine: Engine, write: Callable[[Transaction], Any]) -> Any:
    (outcome,) = engine.commit_group([write])
    if outcome.error is not None:
        raise outcome.error
    return outcome.value


def search_ours(tx: Transaction, name: str, question: str) -> Sequence[int]:
    """Return the numbers of the segments that recall finds."""
    return _numbers(find_texts(tx, name, question, limit=DEEPEST))


def _numbers(texts: Sequence[RecalledText]) -> Sequence[int]:
    return [int(text.source_id.rpartition(":")[2]) for text in texts]


def store_vectors(engine: Engine, encode: Encode) -> None:
    """Make the vectors of all texts."""
    while (waiting := engine.read(partial(find_waiting, pick=0.0, limit=_EMBEDDED))) is not None:
        vectors = [(number, encode(text)) for number, text in waiting.texts]
        _do(engine, partial(keep_vectors, waiting=waiting, vectors=vectors))


def build_search_by_meaning(encode: Encode) -> Search:
    """Return recall by words and meaning; the question's vector is made in its time, too."""
    cache = VectorCache(SystemClock())

    def search(tx: Transaction, name: str, question: str) -> Sequence[int]:
        vector = encode(strip_names(question, load_speakers(tx, name)))
        near = partial(cache.find_near, vector=vector)
        return _numbers(find_texts(tx, name, question, limit=DEEPEST, near=near))

    return search


def build_plain_search(database: str) -> Search:
    """Return the base line's search."""
    sql, either = _PLAIN_SEARCH[database]

    def search(tx: Transaction, name: str, question: str) -> Sequence[int]:
        query = either.join(f"'{word}'" if database == "postgres" else f'"{word}"' for word in split_words(question))
        return [seq for (seq,) in tx.fetch(sql, (query, name, DEEPEST))]

    return search


def ask_all(engine: Engine, name: str, person: Person, search: Search) -> list[Found]:
    """Ask all questions of a person, each in a snapshot of its own."""
    found = []
    for asked in person.asked:
        began_s = time.perf_counter()
        numbers = list(engine.read(partial(search, name=name, question=asked.text)))  # type: ignore[call-arg]
        seconds = time.perf_counter() - began_s
        seq = asked.evidence + 1
        found.append(Found(asked, numbers.index(seq) + 1 if seq in numbers else None, seconds))
    return found
