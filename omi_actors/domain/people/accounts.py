"""Accounts: the form of emails, passwords and names; roles; tokens and one-time keys with their lifetimes.

Not here: hashing passwords (actors/passwords.py), rows (store/people/accounts.py). Threads: any; pure.
"""

import hashlib
import re
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum

from omi_actors.errors import BadRequestError

# Seconds. A token is not prolonged by its use: a stolen one ends.
TOKEN_LIFETIME_S = 30 * 86_400.0
# Seconds. An invitation waits in a mailbox for a weekend; a reset is used at once.
INVITE_LIFETIME_S = 7 * 86_400.0
RESET_LIFETIME_S = 3_600.0
# More devices than one person has. Above this number the oldest session ends.
MAX_SESSIONS = 100
MIN_PASSWORD_CHARS = 8
# Long enough for every generated password; hashing longer ones would cost time.
MAX_PASSWORD_CHARS = 1_024
MAX_NAME_CHARS = 200
# RFC 5321 §4.5.3.1: the longest address that mail can be sent to.
MAX_EMAIL_CHARS = 254
# Marks our tokens, so that other Bearer tokens are not looked up in the store.
_TOKEN_PREFIX = "sid_"  # noqa: S105 (no secret)
_TOKEN = re.compile(r"sid_[A-Za-z0-9_-]{43}")
# Something, one @, and a domain of two or more labels; no blanks.
_EMAIL = re.compile(r"[^\s@]+@(?:[^\s@.]+\.)+[^\s@.]+")
_SHOWN_FIRST, _SHOWN_LAST = 8, 4


class Role(StrEnum):
    """The rights of an account. An observer is a read-only operator: it reads what the operator reads."""

    PERSON = "user"
    ADMIN = "admin"
    OBSERVER = "observer"

    @property
    def wire(self) -> str:
        """Return the role as clients know it: in capitals."""
        return self.value.upper()


class KeyPurpose(StrEnum):
    """The purpose of a one-time key: to make an account, or to set an account's password."""

    SET_UP = "set_up"
    RESET = "reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeKey:
    """A key as it is stored: with `account_id` it sets that account's password, else it makes an account of `role`."""

    digest: str
    role: Role
    account_id: str | None
    created_at: float
    expires_at: float

    @property
    def purpose(self) -> KeyPurpose:
        """Return the purpose."""
        return KeyPurpose.RESET if self.account_id else KeyPurpose.SET_UP


@dataclass(frozen=True, slots=True)
class Account:
    """An account without its password. Times are UTC seconds."""

    account_id: str
    email: str
    display_name: str | None
    role: Role
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account, and the hash of its password."""

    account: Account
    password_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The person of a token: account, role, the session that the token opened, and the token's SHA-256."""

    account_id: str
    role: Role
    session_id: str
    digest: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token as it is stored: its session's id, its SHA-256, and the characters by which its owner recognises it."""

    session_id: str
    digest: str
    hint: str
    created_at: float
    expires_at: float


def make_token(secret: str, session_id: str, now_s: float) -> tuple[str, TokenRecord]:
    """Return the token made of a new secret, and its record."""
    token = _TOKEN_PREFIX + secret
    return token, TokenRecord(session_id, digest_of(token), hint_of(token), now_s, now_s + TOKEN_LIFETIME_S)


def digest_of(secret: str) -> str:
    """Return the SHA-256 of a token or key in hex. A fast hash is enough: the secret has 256 random bits."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def hint_of(token: str) -> str:
    """Return a token's first 8 and last 4 characters; 186 of its 256 random bits stay secret."""
    return f"{token[:_SHOWN_FIRST]}...{token[-_SHOWN_LAST:]}"


def is_token(text: str) -> bool:
    """Return True if a text has the form of our tokens."""
    return _TOKEN.fullmatch(text) is not None


def clean_email(email: str) -> str | None:
    """Return an email in the form in which it is stored and compared; None if it is not an email."""
    cleaned = unicodedata.normalize("NFKC", email).strip().lower()
    if len(cleaned) > MAX_EMAIL_CHARS or not _EMAIL.fullmatch(cleaned):
        return None
    return cleaned if all(unicodedata.category(char)[0] != "C" for char in cleaned) else None


def check_password(password: str) -> None:
    """Check a new password.

    Raises:
        BadRequestError: it is too short or too long.
    """
    if len(password) < MIN_PASSWORD_CHARS:
        raise BadRequestError("Password must be at least 8 characters", hint="Choose a longer `password`.")
    if len(password) > MAX_PASSWORD_CHARS:
        raise BadRequestError(f"Password must be at most {MAX_PASSWORD_CHARS} characters", hint="Choose a shorter one.")


def clean_name(name: str | None) -> str | None:
    """Return a display name without surrounding blanks; None if nothing is left."""
    return (name or "").strip() or None
