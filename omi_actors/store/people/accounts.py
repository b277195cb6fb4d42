"""Accounts, the tokens of signed-in devices, and one-time keys.

Not here: hashing (actors/passwords.py), the forms of values (domain/people/accounts.py). Threads: changes run in the
writer between group commits, lists in the cold reader, `find_signed_in` and `load_credentials` in a session's reader.
"""
# mypy: disallow-untyped-calls=False
# (Pony's stubs leave select untyped.)

from collections.abc import Mapping
from typing import Any

from pony import orm

from omi_actors.domain.people.accounts import (
    MAX_SESSIONS,
    Account,
    Credentials,
    KeyPurpose,
    OneTimeKey,
    Role,
    SignedIn,
    TokenRecord,
)
from omi_actors.domain.work.queue_admin import Action, Requester
from omi_actors.store.queue_admin import record_event
from omi_actors.store.transaction import EntityTransaction, Transaction

_OPERATOR = Requester()
# Expired rows that one sign-in removes.
_SWEPT = 200
# The stored hash of an account that has no password yet. No password has this hash.
NO_PASSWORD = "none"  # noqa: S105 (the opposite)
_COUNT_BELONGINGS = (
    "SELECT (SELECT count(*) FROM memory WHERE account_id = ?), (SELECT count(*) FROM session JOIN conversation"
    " ON conversation.session_id = session.id WHERE session.account_id = ?),"
    " (SELECT count(*) FROM auth_session WHERE account_id = ? AND expires_at > ?)"
)
_ACCOUNT = "account.id, email, display_name, role, is_observer, account.created_at, updated_at"


# --- frequent


def find_signed_in(tx: Transaction, digest: str) -> SignedIn | None:
    """Return the person of a token, expired or not; None if there is no such token."""
    row = tx.fetch_one(
        "SELECT account_id, role, is_observer, auth_session.id, expires_at FROM auth_session"
        " JOIN account ON account.id = account_id WHERE token_sha256 = ?",
        (digest,),
    )
    if row is None:
        return None
    account_id, role, is_observer, session_id, expires_at = row
    return SignedIn(account_id, _role_of(role, is_observer), session_id or "", digest, expires_at)


def load_credentials(tx: Transaction, *, email: str = "", account_id: str = "") -> Credentials | None:
    """Load an account with its password's hash, by its email or its id."""
    column, value = ("email", email) if email else ("id", account_id)
    row = tx.fetch_one(f"SELECT {_ACCOUNT}, password_hash FROM account WHERE account.{column} = ?", (value,))  # noqa: S608 (our own words)
    return None if row is None else Credentials(_build_account(row[:-1]), row[-1])


# --- sign-up and sign-in


def create_account(
    tx: EntityTransaction,
    account: Account,
    password_hash: str,
    token: TokenRecord | None,
    *,
    key_digest: str = "",
    by: Requester = _OPERATOR,
) -> Account | None:
    """Store a new account, and open its first session with `token`. Return the account.

    With `key_digest`, the set-up key is used up, and the account gets the key's role. None: the key is not valid.
    Without key and token the operator makes the account; that is recorded.

    Raises:
        DuplicateError: the email is taken; the key stays valid.
    """
    role = account.role
    if key_digest:
        key = _take_key(tx, key_digest, KeyPurpose.SET_UP, account.created_at)
        if key is None:
            return None
        role = Role(key.role)
        key.delete()
    made = tx.db.Account(
        id=account.account_id,
        email=account.email,
        password_hash=password_hash,
        display_name=account.display_name,
        role=(Role.ADMIN if role is Role.ADMIN else Role.PERSON).value,
        is_observer=role is Role.OBSERVER,
        created_at=account.created_at,
        updated_at=account.updated_at,
    )
    if token is not None:
        _add_session(tx, made, token)
    elif not key_digest:
        record_event(tx, Action.MAKE_ACCOUNT, {"account": account.account_id}, job_count=0, by=by)
    return _account_of(made)


def open_session(
    tx: EntityTransaction, account_id: str, token: TokenRecord, *, verified_hash: str, fresh_hash: str | None = None
) -> bool:
    """Open a session of a person whose password has just been verified against `verified_hash`.

    Return False if the account has got another password or is gone meanwhile. `fresh_hash` replaces an old kind of
    hash. Ended sessions are removed, and beyond MAX_SESSIONS the oldest ones.
    """
    account = tx.db.Account.get_for_update(id=account_id)
    if account is None or account.password_hash != verified_hash:
        return False
    if fresh_hash is not None:
        account.password_hash = fresh_hash
    _sweep(tx, token.created_at)
    mine = orm.select(one for one in tx.db.AuthSession if one.account == account)
    for oldest in mine.order_by(lambda one: orm.desc(one.created_at))[MAX_SESSIONS - 1 :]:
        oldest.delete()
    _add_session(tx, account, token)
    return True


def close_session(tx: EntityTransaction, digest: str) -> bool:
    """End the session of a token. Return False if there was none."""
    session = tx.db.AuthSession.get(token_sha256=digest)
    if session is not None:
        session.delete()
    return session is not None


# --- sessions of one account


def list_sessions(tx: EntityTransaction, account_id: str, *, now_s: float) -> tuple[TokenRecord, ...]:
    """Load the open sessions of an account, newest first."""
    rows = orm.select(
        (one.created_at, one.id, one.token_sha256, one.hint, one.expires_at)
        for one in tx.db.AuthSession
        if one.account.id == account_id and one.expires_at > now_s
    )
    return tuple(
        TokenRecord(session_id or "", digest, hint, created_at, expires_at)
        for created_at, session_id, digest, hint, expires_at in rows.order_by(orm.desc(1), 2)
    )


def revoke_session(tx: EntityTransaction, account_id: str, *, session_id: str = "", digest: str = "") -> str | None:
    """End one session of an account, named by its id or its token. Return the token's digest; None: no such session."""
    named = {"id": session_id} if session_id else {"token_sha256": digest}
    session = tx.db.AuthSession.get(account=account_id, **named)
    if session is None:
        return None
    ended = str(session.token_sha256)
    session.delete()
    return ended


def revoke_others(tx: EntityTransaction, account_id: str, *, keep_digest: str) -> tuple[str, ...]:
    """End all sessions of an account but one. Return the digests of their tokens."""
    others = orm.select(one for one in tx.db.AuthSession if one.account.id == account_id)[:]
    ended = [one for one in others if one.token_sha256 != keep_digest]
    digests = tuple(one.token_sha256 for one in ended)
    for one in ended:
        one.delete()
    return digests


# --- the account


def change_account(
    tx: EntityTransaction, account_id: str, changes: Mapping[str, Any], *, verified_hash: str | None, now_s: float
) -> Account | None:
    """Change `email` or `display_name`. None: the account is gone, or its password was changed.

    `verified_hash` is the hash that a given password was verified against, None if none was needed.

    Raises:
        DuplicateError: the email is taken.
    """
    account = tx.db.Account.get_for_update(id=account_id)
    if account is None or verified_hash not in (None, account.password_hash):
        return None
    account.set(**changes, updated_at=now_s)
    return _account_of(account)


def change_password(
    tx: EntityTransaction, account_id: str, password_hash: str, *, verified_hash: str, keep_digest: str, now_s: float
) -> tuple[str, ...] | None:
    """Change the password, and end all sessions but one. Return the digests of the ended tokens.

    None: the account is gone, or its password was changed meanwhile.
    """
    changes = {"password_hash": password_hash}
    if change_account(tx, account_id, changes, verified_hash=verified_hash, now_s=now_s) is None:
        return None
    return revoke_others(tx, account_id, keep_digest=keep_digest)


def lock_account(tx: Transaction, account_id: str) -> None:
    """Let changes of what belongs to an account go one after the other, on all nodes, until the transaction ends."""
    tx.fetch(f"SELECT 1 FROM account WHERE id = ? {tx.locked('account')}", (account_id,))  # noqa: S608 (our own words)


def count_belongings(tx: Transaction, account_id: str, *, now_s: float) -> Mapping[str, int]:
    """Count the memories, conversations and open sessions of an account."""
    (counts,) = tx.fetch(_COUNT_BELONGINGS, (account_id, account_id, account_id, now_s))
    return dict(zip(("memories", "conversations", "sessions"), counts, strict=True))


# --- the operator's


def list_accounts(tx: EntityTransaction, *, after: str, limit: int) -> tuple[Account, ...]:
    """Load a page of accounts, ordered by email, after the email `after`."""
    rows = orm.select(
        (one.email, one.id, one.display_name, one.role, one.is_observer, one.created_at, one.updated_at)
        for one in tx.db.Account
        if one.email > after
    )
    page = rows.order_by(1)[:limit]
    return tuple(_build_account((account_id, email, *rest)) for email, account_id, *rest in page)


def add_key(tx: EntityTransaction, key: OneTimeKey, *, by: Requester) -> None:
    """Store a one-time key, and record that."""
    _sweep(tx, key.created_at)
    tx.db.AccountKey(
        key_sha256=key.digest,
        purpose=key.purpose.value,
        role=key.role.value,
        account=key.account_id,
        created_at=key.created_at,
        expires_at=key.expires_at,
    )
    target = {"account": key.account_id} if key.account_id else {"role": key.role.value}
    record_event(tx, Action.ISSUE_LINK, target, job_count=0, by=by)


def has_key(tx: EntityTransaction, digest: str, purpose: KeyPurpose, *, now_s: float) -> bool:
    """Return True if a one-time key is valid."""
    return bool(
        orm.exists(
            one
            for one in tx.db.AccountKey
            if one.key_sha256 == digest and one.purpose == purpose.value and one.expires_at > now_s
        )
    )


def reset_password(
    tx: EntityTransaction, key_digest: str, password_hash: str, *, now_s: float
) -> tuple[str, ...] | None:
    """Set the password of the account that a reset key names. None: the key is not valid.

    Its sessions end, and its reset keys are used up. Return the digests of the ended tokens.
    """
    key = _take_key(tx, key_digest, KeyPurpose.RESET, now_s)
    if key is None:
        return None
    account = key.account
    account.set(password_hash=password_hash, updated_at=now_s)
    for one in list(account.account_keys):
        one.delete()
    return revoke_others(tx, account.id, keep_digest="")


def _take_key(tx: EntityTransaction, digest: str, purpose: KeyPurpose, now_s: float) -> Any | None:
    key = tx.db.AccountKey.get_for_update(key_sha256=digest, purpose=purpose.value)
    return key if key is not None and key.expires_at > now_s else None


def _add_session(tx: EntityTransaction, account: Any, token: TokenRecord) -> None:
    tx.db.AuthSession(
        token_sha256=token.digest,
        account=account,
        created_at=token.created_at,
        expires_at=token.expires_at,
        id=token.session_id,
        hint=token.hint,
    )


def _sweep(tx: EntityTransaction, now_s: float) -> None:
    """Remove expired tokens and keys."""
    for table, key in (("auth_session", "token_sha256"), ("account_key", "key_sha256")):
        old = f"SELECT {key} FROM {table} WHERE expires_at <= ? LIMIT {_SWEPT}"  # noqa: S608 (our own words)
        tx.run(f"DELETE FROM {table} WHERE {key} IN ({old})", (now_s,))  # noqa: S608 (the same)


def _role_of(role: str, is_observer: bool) -> Role:  # noqa: FBT001 (a column)
    return Role.OBSERVER if is_observer else Role(role)


def _build_account(row: Any) -> Account:
    account_id, email, name, role, is_observer, created_at, updated_at = row
    return Account(account_id, email, name, _role_of(role, is_observer), created_at, updated_at)


def _account_of(row: Any) -> Account:
    return _build_account(
        (row.id, row.email, row.display_name, row.role, row.is_observer, row.created_at, row.updated_at)
    )
