"""Accounts, tokens and one-time keys in the store, on each database."""

import re
from functools import partial
from pathlib import Path

import pytest
from pony import orm

from omi_actors.clock import ManualClock
from omi_actors.domain.people.accounts import (
    MAX_SESSIONS,
    TOKEN_LIFETIME_S,
    Account,
    Credentials,
    KeyPurpose,
    OneTimeKey,
    Role,
    digest_of,
    make_token,
)
from omi_actors.domain.work.queue_admin import Requester
from omi_actors.errors import DuplicateError
from omi_actors.ids import new_id, new_secret
from omi_actors.store.engine import Engine, StoreConfig, build_dialect
from omi_actors.store.migrate import load_migrations, migrate
from omi_actors.store.people import accounts
from omi_actors.store.transaction import Connection, NodeIdentity, Transaction
from tests.store.builders import alone, asking_commit, count, do, rows


def make(engine: Engine, name: str = "ada", role: Role = Role.PERSON, now_s: float = 0.0) -> Account:
    """Store an account without a session."""
    account = Account(new_id(), f"{name}@example.com", None, role, now_s, now_s)
    alone(engine, lambda tx: accounts.create_account(tx, account, "hash", None))
    return account


def sign_in(engine: Engine, account: Account, now_s: float = 0.0, verified_hash: str = "hash") -> str:
    """Open a session; return its token, "" if it was refused."""
    token, record = make_token(new_secret(), new_id(), now_s)
    is_open = alone(
        engine, lambda tx: accounts.open_session(tx, account.account_id, record, verified_hash=verified_hash)
    )
    return token if is_open else ""


def find(engine: Engine, token: str):
    return engine.read(lambda tx: accounts.find_signed_in(tx, digest_of(token)))


@pytest.mark.parametrize("role", Role)
def test_token_finds_its_person_with_the_role(engine: Engine, role: Role) -> None:
    ada, bob = make(engine, role=role), make(engine, "bob")
    token, other = sign_in(engine, ada, 5.0), sign_in(engine, bob)

    found = find(engine, token)

    assert (found.account_id, found.role, found.expires_at) == (ada.account_id, role, 5.0 + TOKEN_LIFETIME_S)
    assert find(engine, other).account_id == bob.account_id
    assert find(engine, "sid_unknown") is None
    known = engine.read(lambda tx: accounts.load_credentials(tx, email="ada@example.com"))
    assert known == Credentials(ada, "hash")
    known = engine.read(lambda tx: accounts.load_credentials(tx, account_id=bob.account_id))
    assert known == Credentials(bob, "hash")


def test_no_token_key_or_password_is_stored_in_clear(engine: Engine) -> None:
    token = sign_in(engine, make(engine))

    stored = str(rows(engine, "SELECT * FROM auth_session"))

    assert token[8:-4] not in stored
    assert digest_of(token) in stored


def test_session_is_refused_if_the_password_was_changed_after_it_was_verified(engine: Engine) -> None:
    ada = make(engine)

    assert sign_in(engine, ada, verified_hash="an older hash") == ""
    assert count(engine, "auth_session") == 0


def test_sign_in_replaces_an_old_hash_and_removes_expired_sessions_and_keys(engine: Engine) -> None:
    ada, bob = make(engine), make(engine, "bob")
    sign_in(engine, bob, now_s=0.0)
    key = OneTimeKey(digest="0" * 64, role=Role.PERSON, account_id=None, created_at=0.0, expires_at=9.0)
    alone(engine, lambda tx: accounts.add_key(tx, key, by=Requester(request_id="r")))
    token, record = make_token(new_secret(), new_id(), TOKEN_LIFETIME_S)

    alone(
        engine,
        lambda tx: accounts.open_session(tx, ada.account_id, record, verified_hash="hash", fresh_hash="fresh"),
    )

    assert rows(engine, "SELECT token_sha256 FROM auth_session") == [(digest_of(token),)]
    assert count(engine, "account_key") == 0
    known = engine.read(lambda tx: accounts.load_credentials(tx, email=ada.email))
    assert known == Credentials(ada, "fresh")


def test_sessions_of_an_account_are_bounded_and_the_oldest_ends(engine: Engine) -> None:
    ada, bob = make(engine), make(engine, "bob")
    other = sign_in(engine, bob)
    tokens = [sign_in(engine, ada, float(number)) for number in range(MAX_SESSIONS + 2)]

    listed = engine.read_cold(lambda tx: accounts.list_sessions(tx, ada.account_id, now_s=0.0))

    assert [record.digest for record in listed] == [digest_of(token) for token in reversed(tokens[2:])]
    assert find(engine, tokens[1]) is None
    assert find(engine, other) is not None


def test_session_ends_by_its_owner_only(engine: Engine) -> None:
    ada, bob = make(engine), make(engine, "bob")
    mine, his = sign_in(engine, ada), sign_in(engine, bob)
    (record,) = engine.read_cold(lambda tx: accounts.list_sessions(tx, bob.account_id, now_s=0.0))

    def revoke(tx, **named):
        return accounts.revoke_session(tx, ada.account_id, **named)

    assert alone(engine, lambda tx: revoke(tx, session_id=record.session_id)) is None
    assert alone(engine, lambda tx: revoke(tx, digest=digest_of(his))) is None
    assert alone(engine, lambda tx: revoke(tx, digest=digest_of(mine))) == digest_of(mine)
    assert (find(engine, mine), find(engine, his) is None) == (None, False)


def test_taken_email_is_a_conflict_and_leaves_all_as_it_was(engine: Engine) -> None:
    ada, bob = make(engine), make(engine, "bob")
    changes = {"email": bob.email, "display_name": "Bob"}

    for work in (
        lambda tx: accounts.create_account(tx, Account(new_id(), ada.email, None, Role.ADMIN, 0.0, 0.0), "h", None),
        lambda tx: accounts.change_account(tx, ada.account_id, changes, verified_hash=None, now_s=1.0),
    ):
        with pytest.raises(DuplicateError) as taken:
            alone(engine, work)
        assert taken.value.field == "email"
    assert engine.read_cold(lambda tx: accounts.list_accounts(tx, after="", limit=9)) == (ada, bob)


def test_key_is_used_once_before_its_end_and_for_its_purpose(engine: Engine) -> None:
    ada = make(engine)
    token = sign_in(engine, ada)
    for digest, account_id in (("a" * 64, ada.account_id), ("b" * 64, None), ("c" * 64, ada.account_id)):
        key = OneTimeKey(digest=digest, role=Role.ADMIN, account_id=account_id, created_at=0.0, expires_at=9.0)
        alone(engine, partial(accounts.add_key, key=key, by=Requester(request_id="r")))

    def reset(digest: str, now_s: float):
        return alone(engine, lambda tx: accounts.reset_password(tx, digest, "new", now_s=now_s))

    def set_up(digest: str, name: str, now_s: float):
        account = Account(new_id(), f"{name}@example.com", None, Role.PERSON, now_s, now_s)
        return alone(engine, lambda tx: accounts.create_account(tx, account, "h", None, key_digest=digest))

    assert reset("a" * 64, 9.0) is None
    assert reset("b" * 64, 1.0) is None
    assert set_up("a" * 64, "bob", 1.0) is None
    assert set_up("b" * 64, "bob", 9.0) is None
    assert set_up("b" * 64, "bob", 8.0).role is Role.ADMIN
    assert set_up("b" * 64, "eve", 8.0) is None
    assert reset("a" * 64, 8.0) == (digest_of(token),)
    assert reset("c" * 64, 8.0) is None, "all reset keys of the account are used up"
    assert not engine.read_cold(lambda tx: accounts.has_key(tx, "c" * 64, KeyPurpose.RESET, now_s=1.0))


def test_belongings_are_counted_for_their_owner(engine: Engine) -> None:
    ada, bob = make(engine), make(engine, "bob")
    do(engine, asking_commit("s1"))
    do(engine, asking_commit("s2"))
    do(engine, lambda tx: tx.run("UPDATE session SET account_id = ? WHERE id = 's1'", (ada.account_id,)))
    memory = "INSERT INTO memory (id, account_id, dedupe_key, text, created_at) VALUES ('m1', ?, 'k', 'x', 0)"
    do(engine, lambda tx: tx.run(memory, (ada.account_id,)))
    sign_in(engine, ada)

    counted = [
        engine.read_cold(partial(accounts.count_belongings, account_id=one.account_id, now_s=1.0)) for one in (ada, bob)
    ]

    assert counted[0] == {"memories": 1, "conversations": 1, "sessions": 1}
    assert counted[1] == {"memories": 0, "conversations": 0, "sessions": 0}


# One row in each table that refers to an account or a session, as the schema was at version 12.
_FILLED = """
INSERT INTO account VALUES ('a1', 'a@b.c', 'h', NULL, 'admin', 0, 0);
INSERT INTO auth_session VALUES ('0000000000000000000000000000000000000000000000000000000000000000', 'a1', 0, 9);
INSERT INTO omi_link VALUES ('l1', 'a1', 'u1', true, NULL, NULL, 0, 0, 0);
INSERT INTO session (id, session_key, uid, account_id, node, incarnation, epoch, conversation_number, last_seq,
    last_end_s, created_at, last_seen_at) VALUES ('s1', 'omi:u1', 'u1', 'a1', 'n', 1, 1, 1, 1, 0, 0, 0);
INSERT INTO conversation (id, session_id, number, started_at) VALUES ('c1', 's1', 1, 0);
INSERT INTO message (id, session_id, conversation_id, role, kind, source, text, created_at)
    VALUES ('m1', 's1', 'c1', 'user', 'question', 'frontend', 'x', 0);
INSERT INTO memory VALUES ('x1', 'a1', NULL, 'c1', 'k', 'x', 0);
INSERT INTO agent_event VALUES ('x1', 'a1', NULL, NULL, 'task', '{}', 0);
INSERT INTO context_window VALUES ('a1', 1, 'c1', true, 0);
INSERT INTO user_preference (account_id, meeting_transcribe, inject_memories, mute, created_at, updated_at)
    VALUES ('a1', true, true, true, 0, 0);
INSERT INTO session_preference (session_id, created_at, updated_at) VALUES ('s1', 0, 0)
"""
_TABLES = tuple(re.findall(r"INSERT INTO (\w+)", _FILLED))
_BEFORE_ACCOUNTS = 12


def test_migrations_lose_no_row_of_a_filled_store(empty_config: StoreConfig, clock: ManualClock) -> None:
    dialect, db = build_dialect(empty_config, readonly=False), orm.Database()
    dialect.bind(db)
    connection = Connection(db, dialect, NodeIdentity("n", 1), clock)
    steps = load_migrations(Path("omi_actors/store/migrations") / dialect.name)

    def count_all(tx: Transaction) -> dict[str, int]:
        return {table: tx.fetch(f"SELECT count(*) FROM {table}")[0][0] for table in _TABLES}  # noqa: S608 (our own)

    def fill(tx: Transaction) -> None:
        for statement in _FILLED.split(";"):
            tx.run(statement)

    try:
        migrate(connection.get(), dialect, steps[:_BEFORE_ACCOUNTS], 0.0)
        connection.run(fill, commits=True)
        migrate(connection.get(), dialect, steps, 0.0)
        counted = connection.run(count_all, commits=False)
    finally:
        db.disconnect()
        dialect.close()

    assert counted == dict.fromkeys(_TABLES, 1)
    assert len(_TABLES) == 11
