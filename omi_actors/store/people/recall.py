"""Recall from the store: the texts of a person that a question asks for, and the sources of an answer.

The index has words only; a text is read where it stands. Each function takes the account and finds nothing of
another's. Not here: the index (recall_index.py), words and scores (domain/people/). Threads: a reader's.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from omi_actors.domain.people.meaning import fuse
from omi_actors.domain.people.recall import (
    MAX_POSTINGS,
    IndexedText,
    build_query,
    choose_candidates,
)
from omi_actors.domain.people.scores import Scored, rank
from omi_actors.store.people.recall_index import parse_zone
from omi_actors.store.transaction import Transaction

# Finds the texts of a person (their number in the index) that are near to the question in meaning.
Near = Callable[[Transaction, int], Sequence[int]]
# Below the number of parameters that every SQLite takes.
_NUMBERS_PER_QUERY = 900

_BY_ANOTHER = "SELECT 1 FROM message WHERE job_id = ? AND role = 'user' AND asker = 'other'"
_LOAD_OWNER = (
    "SELECT owner.no, owner.last_text, owner.speakers, preference.time_zone FROM recall_owner AS owner"
    " LEFT JOIN user_preference AS preference ON preference.account_id = owner.account_id WHERE owner.account_id = ?"
)
_INDEXED = (
    "SELECT no || CASE WHEN follows THEN ' 1 ' ELSE ' 0 ' END || words AS line FROM recall_text WHERE no IN ({marks})"
)
# A text that was deleted meanwhile is no source.
_INSERT_SOURCE = (
    "INSERT INTO answer_source (message_id, place, text_no) SELECT CAST(? AS TEXT), CAST(? AS INTEGER), no"
    " FROM recall_text WHERE no = ?"
)
_LOAD_TEXTS = (
    "SELECT recall_text.no, memory.id, memory.text, memory.created_at, said.conversation_id, said.seq, said.text,"
    " said.speaker, said.created_at, message.conversation_id, message.id, message.text, message.role,"
    " message.created_at FROM recall_text"
    " LEFT JOIN memory ON memory.id = recall_text.memory_id AND memory.account_id = ?"
    " LEFT JOIN transcript_segment AS said ON said.session_id = recall_text.session_id AND said.seq = recall_text.seq"
    " LEFT JOIN message ON message.id = recall_text.message_id"
    " LEFT JOIN session ON session.id = COALESCE(said.session_id, message.session_id)"
    " WHERE recall_text.no IN ({marks}) AND (memory.id IS NOT NULL OR session.account_id = ?)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecalledText:
    """A text of a person that a question asks for. `kind` is memory, segment or message; `at` is UTC seconds.

    `source_id` is the id of the memory or message; of a segment its conversation's id and its number.
    """

    number: int
    kind: str
    source_id: str
    text: str
    at: float
    speaker: str = ""
    conversation_id: str = ""


def recall_for_question(
    tx: Transaction, account_id: str, *, job_id: str, question: str, limit: int, near: Near | None = None
) -> tuple[RecalledText, ...]:
    """Return the texts that the question of an answer job asks for; none if another than the person has asked it."""
    if tx.fetch_one(_BY_ANOTHER, (job_id,)) is not None:
        return ()
    return find_texts(tx, account_id, question, limit=limit, near=near)


def find_texts(
    tx: Transaction,
    account_id: str,
    question: str,
    *,
    limit: int,
    only_said: bool = False,
    near: Near | None = None,
) -> tuple[RecalledText, ...]:
    """Return the texts of a person that a question asks for, the best first.

    `only_said` leaves memories out. With `near` they are found by meaning, too.
    """
    row = tx.fetch_one(_LOAD_OWNER, (account_id,))
    if row is None:
        return ()
    owner_no, total, speakers, zone = row
    today = dt.datetime.fromtimestamp(tx.now_s(), parse_zone(zone)).date()
    query = build_query(question, speakers=speakers.split(), today=today)
    words = {term: f"{owner_no}_{term}" for term in query.terms}
    found = tx.find_words(list(words.values()), MAX_POSTINGS + 1) if words else {}
    postings = {term: found[word] for term, word in words.items()}
    candidates = choose_candidates(query, postings, total)
    meant = near(tx, owner_no) if near is not None else ()
    texts = _load_indexed(tx, owner_no, [*candidates, *meant], only_said=only_said)
    best = rank(query, candidates, texts, postings, total, limit=None if meant else limit)
    if meant:
        best = fuse(best, meant, texts)
    return _load_recalled(tx, account_id, best[:limit])


def _load_indexed(
    tx: Transaction, owner_no: int, candidates: Sequence[int], *, only_said: bool
) -> dict[int, IndexedText]:
    """Load the words of the candidates and of their neighbours; without memories if `only_said`."""
    numbers = sorted({near for number in candidates for near in (number - 1, number, number + 1)})
    owner = f"{owner_no}_"
    texts: dict[int, IndexedText] = {}
    for some in _slices(numbers):
        sql = _INDEXED.format(marks=", ".join("?" * len(some))) + (" AND memory_id IS NULL" if only_said else "")
        for line in tx.fetch_lines(sql, some):
            no, follows, *words = line.replace(owner, "").split()
            texts[int(no)] = IndexedText(words, follows == "1")
    return texts


def _slices(numbers: Sequence[int]) -> Iterable[Sequence[int]]:
    return (numbers[at : at + _NUMBERS_PER_QUERY] for at in range(0, len(numbers), _NUMBERS_PER_QUERY))


def _load_recalled(tx: Transaction, account_id: str, best: Sequence[Scored]) -> tuple[RecalledText, ...]:
    numbers = [one.number for one in best]
    loaded = {one.number: one for one in load_texts(tx, account_id, numbers)}
    return tuple(loaded[number] for number in numbers if number in loaded)


def load_texts(tx: Transaction, account_id: str, numbers: Sequence[int]) -> tuple[RecalledText, ...]:
    """Load texts of a person by their numbers in the index, in any order."""
    if not numbers:
        return ()
    sql = _LOAD_TEXTS.format(marks=", ".join("?" * len(numbers)))
    return tuple(map(_build_recalled, tx.fetch(sql, (account_id, *numbers, account_id))))


def _build_recalled(row: Sequence[Any]) -> RecalledText:
    number, memory_id, memory, memory_at, talk, seq, said, speaker, said_at, *rest = row
    chat, message_id, message, role, message_at = rest
    if memory_id is not None:
        return RecalledText(number=number, kind="memory", source_id=memory_id, text=memory, at=memory_at)
    if seq is not None:
        source_id = f"{talk}:{seq}"
        return RecalledText(
            number=number,
            kind="segment",
            source_id=source_id,
            text=said,
            at=said_at,
            speaker=speaker,
            conversation_id=talk,
        )
    return RecalledText(
        number=number,
        kind="message",
        source_id=message_id,
        text=message,
        at=message_at,
        speaker=role,
        conversation_id=chat,
    )


def add_sources(tx: Transaction, message_id: str, numbers: Sequence[int]) -> None:
    """Store the texts that an answer's prompt recalled, the best first."""
    for place, number in enumerate(numbers):
        tx.run(_INSERT_SOURCE, (message_id, place, number))


def load_sources(tx: Transaction, account_id: str, message_ids: Sequence[str]) -> dict[str, tuple[RecalledText, ...]]:
    """Load the sources of a person's answers by message id, the best first. Answers without a source are left out."""
    if not message_ids:
        return {}
    marks = ", ".join("?" * len(message_ids))
    rows = tx.fetch(
        f"SELECT message_id, text_no FROM answer_source WHERE message_id IN ({marks}) ORDER BY message_id, place",  # noqa: S608
        message_ids,
    )
    texts = {one.number: one for one in load_texts(tx, account_id, tuple({number for _, number in rows}))}
    sources: dict[str, tuple[RecalledText, ...]] = {}
    for message_id, number in rows:
        if number in texts:
            sources[message_id] = (*sources.get(message_id, ()), texts[number])
    return sources


def load_sources_of_message(tx: Transaction, account_id: str, message_id: str) -> tuple[RecalledText, ...] | None:
    """Load the sources of an answer, the best first; None if the person has no such message."""
    row = tx.fetch_one(
        "SELECT 1 FROM message JOIN session ON session.id = message.session_id"
        " WHERE message.id = ? AND session.account_id = ?",
        (message_id, account_id),
    )
    return None if row is None else load_sources(tx, account_id, (message_id,)).get(message_id, ())


def load_sources_of_job(tx: Transaction, job_id: str) -> tuple[RecalledText, ...]:
    """Load the sources of the answer that this job has stored, the best first."""
    row = tx.fetch_one(
        "SELECT message.id, session.account_id FROM message JOIN session ON session.id = message.session_id"
        " WHERE message.job_id = ? AND message.role = 'assistant' AND session.account_id IS NOT NULL",
        (job_id,),
    )
    return () if row is None else load_sources(tx, row[1], (row[0],)).get(row[0], ())
