import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from omi_actors.clock import ManualClock
from omi_actors.errors import StoreError
from omi_actors.store.engine import DATABASE_FILE, Engine, StoreConfig
from omi_actors.store.migrate import SIDE_BY_SIDE, load_migrations
from omi_actors.store.sqlite import KEEP_S
from omi_actors.store.transaction import NodeIdentity
from tests.store.builders import count, do, first_commit, rows

_ADD_MEMORY = "INSERT INTO memory (id, account_id, session_id, conversation_id, dedupe_key, text, created_at) VALUES"
_ADD_ACCOUNT = "INSERT INTO account (id, email, password_hash, role, created_at, updated_at) VALUES"
_ACCOUNT = f"{_ADD_ACCOUNT} ('a1', 'a@b.c', 'h', 'user', 0, 0)"
_WINDOW = "INSERT INTO context_window VALUES ('a1', {slot}, 's1-c1', {active}, 0)"


def open_and_close(config: StoreConfig) -> None:
    engine = Engine(config, NodeIdentity("node-a", 1))
    engine.open()
    engine.close()


def migrations(folder: Path, *steps: str) -> Path:
    """A folder of migrations for both databases; the n-th of `steps` is version n."""
    for database in ("sqlite", "postgres"):
        (folder / database).mkdir(parents=True, exist_ok=True)
        for number, script in enumerate(steps, start=1):
            (folder / database / f"{number:04d}_step.sql").write_text(script)
    return folder


def change(config: StoreConfig, **changes: object) -> StoreConfig:
    values = {name: getattr(config, name) for name in ("url", "data_dir", "clock", "busy_timeout_s", "migrations")}
    return StoreConfig(**values | changes)


def test_the_migrated_schema_is_what_the_entities_expect(empty_config: StoreConfig) -> None:
    open_and_close(empty_config)  # checks every entity's table and columns, or raises


def test_a_schema_that_lacks_a_column_is_refused(empty_config: StoreConfig) -> None:
    engine = Engine(empty_config, NodeIdentity("node-a", 1))
    engine.open()
    do(engine, lambda tx: tx.run("ALTER TABLE memory DROP COLUMN text"))
    engine.close()

    with pytest.raises(StoreError, match="text"):
        open_and_close(empty_config)


def test_opening_again_changes_nothing(engine: Engine, config: StoreConfig) -> None:
    do(engine, first_commit())
    engine.close()

    again = Engine(config, NodeIdentity("node-a", 1))
    again.open()

    assert count(again, "transcript_segment") == 1
    assert rows(again, "SELECT version, name FROM schema_migration") == [
        (1, "initial"),
        (2, "waiting_answers"),
        (3, "listening"),
        (4, "model_use"),
        (5, "retention"),
        (6, "operators_queue"),
        (7, "next_in_lane"),
        (8, "fingerprints"),
        (9, "inserts_do_not_wait"),
        (10, "jobs_that_are_over"),
        (11, "retention_state"),
        (12, "askers"),
        (13, "accounts"),
        (14, "links"),
        (15, "recall"),
        (16, "conversation_lists"),
        (17, "preferences"),
        (18, "erasures"),
        (19, "metric_minutes"),
        (20, "recall_vectors"),
        (21, "search_of_memories"),
        (22, "prompts"),
        (23, "responses"),
        (24, "nodes_side_by_side"),
        (25, "owners"),
    ]
    again.close()


def test_a_newer_schema_that_this_program_cannot_go_on_with_is_refused_in_plain_words(
    empty_config: StoreConfig,
) -> None:
    engine = Engine(empty_config, NodeIdentity("node-a", 1))
    engine.open()
    do(engine, lambda tx: tx.run("INSERT INTO schema_migration VALUES (98, 'adds', 0, 0), (99, 'removes', 0, 98)"))
    engine.close()

    with pytest.raises(StoreError, match="version 99; this program knows versions up to 25"):
        open_and_close(empty_config)


# What an older program may still use, or what it does not fill. A trigger or an index may go at once.
_BREAKS = re.compile(
    r"DROP (TABLE|COLUMN)|\bRENAME\b|ALTER COLUMN|ADD (CONSTRAINT|CHECK|UNIQUE|PRIMARY|FOREIGN)"
    r"|ADD COLUMN [^,;]*NOT NULL(?![^,;]*DEFAULT)",
    re.IGNORECASE,
)


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_step_that_would_break_an_older_program_says_what_a_program_must_know(database: str) -> None:
    steps = load_migrations(Path("omi_actors/store/migrations") / database)[SIDE_BY_SIDE:]

    assert [step.name for step in steps if _BREAKS.search(step.script) and not step.needs] == []


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE session DROP COLUMN mood;",
        "ALTER TABLE session RENAME COLUMN mood TO tone;",
        "ALTER TABLE session ADD COLUMN mood TEXT NOT NULL;",
        "ALTER TABLE session ALTER COLUMN epoch SET NOT NULL;",
    ],
)
def test_what_would_break_an_older_program_is_recognised(statement: str) -> None:
    assert _BREAKS.search(statement)
    assert not _BREAKS.search("ALTER TABLE session ADD COLUMN mood TEXT;")
    assert not _BREAKS.search("ALTER TABLE session ADD COLUMN mood TEXT NOT NULL DEFAULT '';")


def test_a_newer_schema_that_only_adds_is_left_as_it_is(empty_config: StoreConfig) -> None:
    engine = Engine(empty_config, NodeIdentity("node-a", 1))
    engine.open()
    do(engine, lambda tx: tx.run("INSERT INTO schema_migration VALUES (98, 'removed', 0, 24), (99, 'adds', 0, 0)"))
    engine.close()

    again = Engine(empty_config, NodeIdentity("node-a", 1))
    again.open()

    assert again.read_versions()[0] == 99
    again.close()


def test_a_failing_migration_leaves_the_version_before(empty_config: StoreConfig, tmp_path: Path) -> None:
    folder = migrations(tmp_path / "m", "CREATE TABLE one (x INTEGER);", "CREATE TABLE two (x INTEGER);\nnonsense;")
    broken = Engine(change(empty_config, migrations=folder), NodeIdentity("n"))

    with pytest.raises(StoreError, match="nonsense"):
        broken.open()

    migrations(folder, "", "CREATE TABLE two (x INTEGER);")
    with pytest.raises(StoreError, match="account"):  # the entities miss their tables, so both steps went through
        Engine(change(empty_config, migrations=folder), NodeIdentity("n")).open()


def test_both_databases_know_the_same_versions_without_gaps() -> None:
    sqlite, postgres = (load_migrations(Path("omi_actors/store/migrations") / name) for name in ("sqlite", "postgres"))

    assert [(step.version, step.name) for step in sqlite] == [(step.version, step.name) for step in postgres]
    assert [step.version for step in sqlite] == list(range(1, len(sqlite) + 1))


def test_sqlite_is_copied_before_an_upgrade_and_the_copy_leaves_after_a_week(
    sqlite_config: StoreConfig, tmp_path: Path, clock: ManualClock
) -> None:
    engine = Engine(sqlite_config, NodeIdentity("n"))
    engine.open()
    do(engine, first_commit())
    engine.close()
    assert list(tmp_path.glob("*.bak")) == []
    own = [step.script for step in load_migrations(Path("omi_actors/store/migrations/sqlite"))]
    upgraded = change(sqlite_config, migrations=migrations(tmp_path / "m", *own, "DELETE FROM session;"))

    open_and_close(upgraded)

    (copy,) = tmp_path.glob("*.bak")
    assert copy.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(copy)) as con:
        assert con.execute("SELECT text FROM transcript_segment").fetchall() == [("text 1",)]
        assert con.execute("SELECT max(version) FROM schema_migration").fetchone() == (len(own),)
    clock.advance(KEEP_S - 1)
    open_and_close(upgraded)
    assert copy.exists()
    clock.advance(2)
    open_and_close(upgraded)
    assert not copy.exists()


def test_sqlite_runs_with_the_settings_that_its_promises_need(sqlite_engine: Engine, tmp_path: Path) -> None:
    settings = {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "foreign_keys": 1}

    found = {name: rows(sqlite_engine, f"PRAGMA {name}")[0][0] for name in settings}

    assert found == settings
    assert (tmp_path / DATABASE_FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.service
def test_postgres_syncs_whatever_the_server_prefers(config: StoreConfig, engine: Engine) -> None:
    if not config.url:
        assert rows(engine, "PRAGMA synchronous") == [(2,)]
        return
    assert rows(engine, "SHOW synchronous_commit") == [("on",)]
    assert rows(engine, "SHOW statement_timeout") == [("15s",)]


@pytest.mark.parametrize(
    "statements",
    [
        (_WINDOW.format(slot=6, active="true"),),
        (_WINDOW.format(slot=0, active="true"),),
        (_WINDOW.format(slot=1, active="true"), _WINDOW.format(slot=2, active="true")),
        ("UPDATE session SET active_space = 'attic'",),
        ("UPDATE session SET epoch = 0",),
        (f"{_ADD_ACCOUNT} ('a2', 'a@b.c', 'h', 'user', 0, 0)",),
        (f"{_ADD_MEMORY} ('m1', NULL, NULL, NULL, 'k', 'ownerless', 0)",),
        (f"{_ADD_MEMORY} ('m1', 'a1', NULL, NULL, 'k', 'x', 0)",
         f"{_ADD_MEMORY} ('m2', 'a1', NULL, NULL, 'k', 'y', 0)"),
        ("INSERT INTO auth_session (token_sha256, account_id, created_at, expires_at) VALUES ('plain', 'a1', 0, 0)",),
        ("INSERT INTO omi_link VALUES ('l1', 'a1', 'u1', true, NULL, NULL, 0, 0, 0, NULL)",
         f"{_ADD_ACCOUNT} ('a2', 'x@y.z', 'h', 'user', 0, 0)",
         "INSERT INTO omi_link VALUES ('l2', 'a2', 'u1', true, NULL, NULL, 0, 0, 0, NULL)"),
    ],
    ids=["slot 6", "slot 0", "two active windows", "unknown space", "epoch 0", "email taken", "ownerless memory",
         "memory twice", "token in clear", "wearable with two owners"],
)  # fmt: skip
def test_the_schema_refuses_what_must_not_be(engine: Engine, statements: tuple[str, ...]) -> None:
    do(engine, first_commit())
    do(engine, lambda tx: tx.run(_ACCOUNT))
    for statement in statements[:-1]:
        do(engine, lambda tx, sql=statement: tx.run(sql))  # type: ignore[misc]  # a lambda in a loop

    with pytest.raises(StoreError, match="refused"):
        do(engine, lambda tx: tx.run(statements[-1]))


def test_windows_take_turns_at_being_active(engine: Engine) -> None:
    do(engine, first_commit())
    do(engine, lambda tx: tx.run(_ACCOUNT))

    for slot, active in ((1, "true"), (2, "false"), (5, "false")):
        do(engine, lambda tx, slot=slot, active=active: tx.run(_WINDOW.format(slot=slot, active=active)))  # type: ignore[misc]  # a lambda in a loop

    assert count(engine, "context_window") == 3
