"""The store of the rows about people: many persons' memories, messages and index of words, filled by bulk SQL.

One person has as much as several others. Rows stand in the order of time, so that a person's are scattered, as in a
store that grew. Texts are invented; their words are distributed as natural ones (Zipf's law).
Not here: the load (people_load.py), the measurement (people.py). Threads: the caller's, which blocks for minutes.
"""

import base64
import hashlib
import random
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC
from io import StringIO
from itertools import accumulate
from pathlib import Path
from typing import Any

import msgspec
import psycopg2
from argon2 import PasswordHasher

from omi_actors.clock import Clock
from omi_actors.domain.people.accounts import TOKEN_LIFETIME_S, digest_of, hint_of
from omi_actors.domain.people.dates import build_date_terms
from omi_actors.domain.people.recall import build_terms
from omi_actors.domain.sessions.keys import account_prefix, wearable_key
from omi_actors.store.engine import DATABASE_FILE, Engine, StoreConfig
from omi_actors.store.transaction import NodeIdentity
from scripts.lab.replay.postgres_server import DURABLE, PostgresServer

DATABASES = ("sqlite", "postgres")
PASSWORD = "long enough for a bench"  # noqa: S105 (of invented persons)
_DAY_S = 86_400.0
# Age at which a kept store is filled again: its tokens expire after 30 days.
_MAX_AGE_S = 20 * _DAY_S
# Messages of a conversation, and conversations that go on: one in each window.
_TALK, _WINDOWS = 10, 5
# Texts of one person that the index can number (store/people/recall_index.py).
_NUMBERS = 2**32
_STOP = ("the", "and", "of", "to", "a", "in", "that", "it", "is", "was", "for", "on", "with", "we", "they", "at")
_STOP_SHARE = 0.35
_PHRASES = 40_000
_STARTS = (*"bcdfghklmnprstvw", "br", "st", "tr", "pl")
_MIDDLES = (*"aeiou", "ai", "ou", "ea")

_COLUMNS = {
    "account": "id, email, password_hash, created_at, updated_at",
    "auth_session": "token_sha256, account_id, created_at, expires_at, id, hint",
    "user_preference": "account_id, meeting_transcribe, inject_memories, mute, created_at, updated_at",
    "omi_link": "id, account_id, omi_uid, is_verified, created_at, verified_at",
    "session": (
        "id, session_key, uid, account_id, node, incarnation, epoch, conversation_id, conversation_number, last_seq,"
        " last_end_s, created_at, last_seen_at"
    ),
    "context_window": "account_id, slot, conversation_id, is_active, created_at",
    "recall_owner": "no, account_id, last_text",
    "recall_progress": "session_id, account_id, message_at, message_id",
    "conversation": "id, session_id, number, started_at",
    "memory": "id, account_id, dedupe_key, text, folded, created_at",
    "message": "id, session_id, conversation_id, role, kind, source, text, model, created_at",
    "recall_text": "no, memory_id, message_id, follows, words",
}
# Tables whose indexes are made after the rows, which is faster.
_LARGE = ("memory", "message", "recall_text")

Rows = Mapping[str, Sequence[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StorePlan:
    """Size of the store: memories of the large person and of each other one, and as many messages.

    Their texts spread over `days`, and each day has whole conversations. `linked` persons have a wearable.
    """

    large: int = 10_000
    small: int = 1_000
    others: int = 990
    linked: int = 500
    days: int = 100

    @property
    def persons(self) -> "tuple[Person, ...]":
        """Return all persons; the first one is the large one."""
        return tuple(Person(number, self.small if number else self.large) for number in range(self.others + 1))


@dataclass(frozen=True, slots=True)
class Person:
    """An invented person with `texts` memories and as many messages. All that names them follows from the number."""

    number: int
    texts: int

    @property
    def account_id(self) -> str:
        """Return the account's id."""
        return f"00000000-0000-7000-8000-{self.number:012x}"

    @property
    def token(self) -> str:
        """Return the token of the person's phone."""
        digest = hashlib.sha256(f"bench {self.number}".encode()).digest()
        return "sid_" + base64.urlsafe_b64encode(digest).decode().rstrip("=")

    @property
    def uid(self) -> str:
        """Return the wearable's id."""
        return f"bench-wearer-{self.number}"

    @property
    def talks(self) -> int:
        """Return the number of conversations."""
        return self.texts // _TALK

    def talk_id(self, number: int) -> str:
        """Return the id of a conversation by its number from 0; the latest ones are in the windows."""
        return f"{self.account_id}-{number}"

    def session_id(self, window: int) -> str:
        """Return the id of a window's session, from 0."""
        return f"{self.account_id}-w{window}"


class Words:
    """Invented words and phrases. Common words come often, and a third of a phrase is stop words."""

    def __init__(self, count: int = 20_000, phrases: int = 0) -> None:
        self.rng = random.Random(7)  # noqa: S311 (invented words)
        words: dict[str, None] = {}
        while len(words) < count:
            parts = self.rng.choices((2, 3, 4), (4, 4, 1))[0]
            words["".join(self.rng.choice(_STARTS) + self.rng.choice(_MIDDLES) for _ in range(parts))] = None
        self._words = list(words)
        # The first ranks of Zipf's law are those of stop words, which are drawn apart.
        self._weights = list(accumulate(1 / (rank + 20) for rank in range(count)))
        texts = [self.phrase() for _ in range(phrases)]
        dates = len(build_date_terms(0.0, UTC))
        self.phrases = [(text, tuple(build_terms(text, at=0.0, zone=UTC)[:-dates])) for text in texts]

    def word(self) -> str:
        """Return a word."""
        return self.rng.choices(self._words, cum_weights=self._weights)[0]

    def phrase(self) -> str:
        """Return four to eight words."""
        drawn = (self.rng.random() < _STOP_SHARE for _ in range(self.rng.randint(4, 8)))
        return " ".join(self.rng.choice(_STOP) if is_stop else self.word() for is_stop in drawn)


@dataclass(frozen=True, slots=True)
class FilledStore:
    """A filled store: the URL of its database; "" is SQLite in `data_dir`. `marker` says that it is whole."""

    url: str
    data_dir: Path
    marker: Path | None = None

    def spoil(self) -> None:
        """Let the next run fill the store again."""
        if self.marker is not None:
            self.marker.unlink(missing_ok=True)


@contextmanager
def open_filled(database: str, plan: StorePlan, folder: Path, clock: Clock) -> Iterator[FilledStore]:
    """Yield the store in `folder`. It is filled if it is empty, of another size, or some weeks old.

    The account that runs PostgreSQL must be able to enter the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open_server(folder / "server") if database == "postgres" else nullcontext("") as url:
        marker = folder / "filled.json"
        filled = FilledStore(url, folder / "data", marker)
        wanted = asdict(plan)
        found = msgspec.json.decode(marker.read_bytes()) if marker.exists() else {}
        if found.get("plan") != wanted or clock.now_s() - found["at"] > _MAX_AGE_S:
            filled.spoil()
            fill(filled, plan, clock.now_s())
            marker.write_bytes(msgspec.json.encode({"plan": wanted, "at": clock.now_s()}))
        yield filled


@contextmanager
def open_server(folder: Path) -> Iterator[str]:
    """Yield the URL of a PostgreSQL server with its data in `folder`, where they stay."""
    server = PostgresServer(f"{DURABLE} -c shared_buffers=128MB -c max_wal_size=4GB", folder=folder)
    server.start()
    try:
        yield server.admin_url
    finally:
        server.stop("fast")
        server.discard()


def fill(store: FilledStore, plan: StorePlan, now_s: float) -> None:
    """Delete what the store has, and fill it."""
    if store.url:
        with closing(psycopg2.connect(store.url)) as con, con:
            con.cursor().execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    for left in store.data_dir.glob(f"{DATABASE_FILE}*"):
        left.unlink()
    engine = Engine(StoreConfig(url=store.url, data_dir=store.data_dir), NodeIdentity("bench"))
    engine.open()  # which makes the tables
    engine.close()
    rows = build_rows(plan, now_s)
    if store.url:
        _fill_postgres(store.url, rows)
    else:
        _fill_sqlite(store.data_dir / DATABASE_FILE, rows)


def _fill_sqlite(file: Path, rows: Iterable[Rows]) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as con:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-1000000"):
            con.execute(f"PRAGMA {pragma}")
        con.execute("BEGIN")
        marks = ", ".join("?" * len(_LARGE))
        later = con.execute(
            f"SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type IN ('index', 'trigger')"  # noqa: S608
            f" AND tbl_name IN ({marks})",
            _LARGE,
        ).fetchall()
        for kind, name, _sql in later:
            con.execute(f"DROP {kind} {name}")
        for some in rows:
            for table, those in some.items():
                places = ", ".join("?" * len(_COLUMNS[table].split(",")))
                con.executemany(f"INSERT INTO {table} ({_COLUMNS[table]}) VALUES ({places})", those)  # noqa: S608
        con.execute("INSERT INTO recall_word (recall_word) VALUES ('rebuild')")
        for _kind, _name, sql in later:
            con.execute(sql)
        con.execute("COMMIT")
        con.execute("PRAGMA journal_mode=WAL")


def _fill_postgres(url: str, rows: Iterable[Rows]) -> None:
    with closing(psycopg2.connect(url)) as con:
        cursor = con.cursor()
        cursor.execute("SET session_replication_role = replica; SET maintenance_work_mem = '512MB'")
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s)"
            " AND indexname NOT IN (SELECT conname FROM pg_constraint)",
            (list(_LARGE),),
        )
        later = cursor.fetchall()
        for name, _sql in later:
            cursor.execute(f"DROP INDEX {name}")
        for some in rows:
            for table, those in some.items():
                lines = StringIO("".join("\t".join(map(_copy_form, row)) + "\n" for row in those))
                cursor.copy_expert(f"COPY {table} ({_COLUMNS[table]}) FROM STDIN", lines)
        for _name, sql in later:
            cursor.execute(sql)
        cursor.execute("SELECT setval(pg_get_serial_sequence('recall_owner', 'no'), max(no)) FROM recall_owner")
        con.commit()
        con.autocommit = True
        cursor.execute("VACUUM ANALYZE")


def _copy_form(value: object) -> str:
    return "\\N" if value is None else str(value)


def build_rows(plan: StorePlan, now_s: float) -> Iterator[Rows]:
    """Yield the rows by table: those of the persons themselves, then those of one day after the other."""
    began_s = now_s - plan.days * _DAY_S
    yield _build_people(plan, now_s)
    words = Words(phrases=min(_PHRASES, 4 * plan.large))
    numbers = dict.fromkeys(range(plan.others + 1), 0)
    for day in range(plan.days):
        found: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)
        for person in plan.persons:
            _Day(person, plan.days, day, began_s + day * _DAY_S, words, found).add(numbers)
        for table in ("memory", "message"):
            found[table].sort(key=lambda row: row[-1])  # by time
        yield found


def _build_people(plan: StorePlan, now_s: float) -> Rows:
    found: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)
    hashed = PasswordHasher(memory_cost=19_456, time_cost=2, parallelism=1).hash(PASSWORD)
    for person in plan.persons:
        me = person.account_id
        found["account"].append((me, f"bench{person.number}@example.com", hashed, now_s, now_s))
        token = person.token
        found["auth_session"].append((digest_of(token), me, now_s, now_s + TOKEN_LIFETIME_S, me, hint_of(token)))
        found["user_preference"].append((me, False, True, False, now_s, now_s))
        found["recall_owner"].append((person.number + 1, me, 2 * person.texts))
        for window in range(_WINDOWS):
            talk, session_id = person.talks - _WINDOWS + window, person.session_id(window)
            key = f"{account_prefix(me)}:window-{window + 1}"
            last = (person.talk_id(talk), talk // _WINDOWS + 1, 0, 0.0, now_s, now_s - _DAY_S / 2 + window)
            found["session"].append((session_id, key, "", me, "", 0, 1, *last))
            found["context_window"].append((me, window + 1, person.talk_id(talk), window == 0, now_s))
            found["recall_progress"].append((session_id, me, now_s, "~"))
        if 0 < person.number <= plan.linked:
            found["omi_link"].append((me, me, person.uid, True, now_s, now_s))
            state = ("", 0, 1, None, 0, 0, 0.0, now_s, now_s - _DAY_S)
            found["session"].append((f"{me}-omi", wearable_key(person.uid), person.uid, me, *state))
    return found


@dataclass(frozen=True, slots=True)
class _Day:
    """Rows of one person on one day; `rows` takes them."""

    person: Person
    days: int
    day: int
    at: float
    words: Words
    rows: defaultdict[str, list[tuple[Any, ...]]]

    def add(self, numbers: dict[int, int]) -> None:
        """Add the rows. `numbers` counts each person's texts in the index."""
        person, texts = self.person, self.person.texts // self.days
        first = (person.number + 1) * _NUMBERS + numbers[person.number] + 1
        numbers[person.number] += 2 * texts
        for index in range(texts):
            self._add_message(index, texts, first + index)
        for index in range(texts):
            self._add_memory(index, first + texts + index)

    def _add_message(self, index: int, texts: int, no: int) -> None:
        person, talk = self.person, (self.day * texts + index) // _TALK
        place = index % _TALK
        if place == 0:
            at, window = self._pick_time(), talk % _WINDOWS
            self.rows["conversation"].append(
                (person.talk_id(talk), person.session_id(window), talk // _WINDOWS + 1, at)
            )
        else:
            at = self.rows["message"][-1][-1] + 20.0
        text, terms = self._pick_text()
        is_question = place % 2 == 0
        kind = (
            ("user", "question", "frontend", text, "") if is_question else ("assistant", "answer", "system", text, "m")
        )
        session_id = person.session_id(talk % _WINDOWS)
        key = _id_of(at, no)
        self.rows["message"].append((key, session_id, person.talk_id(talk), *kind, at))
        self.rows["recall_text"].append((no, None, key, place > 0, self._index(terms, at)))

    def _add_memory(self, index: int, no: int) -> None:
        del index
        at = self._pick_time()
        text, terms = self._pick_text()
        key = _id_of(at, no)
        self.rows["memory"].append((key, self.person.account_id, key, text, text.casefold(), at))
        self.rows["recall_text"].append((no, key, None, False, self._index(terms, at)))

    def _pick_time(self) -> float:
        return round(self.at + self.words.rng.random() * _DAY_S * 0.9, 3)

    def _pick_text(self) -> tuple[str, tuple[str, ...]]:
        (text, terms), (more, others) = self.words.rng.choices(self.words.phrases, k=2)
        return f"{text} {more}.", terms + others

    def _index(self, terms: tuple[str, ...], at: float) -> str:
        owner = f"{self.person.number + 1}_"
        return " ".join(owner + term for term in (*terms, *build_date_terms(at, UTC)))


def _id_of(at: float, no: int) -> str:
    """Return an id that sorts by time, as UUIDs of version 7 do."""
    text = f"{int(at * 1000):012x}"
    return f"{text[:8]}-{text[8:]}-7000-8000-{no & 0xFFFFFFFFFFFF:012x}"
