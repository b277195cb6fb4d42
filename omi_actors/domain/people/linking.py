"""Linking a wearable to an account: the code that its wearer gets, and the outcomes of each step.

Not here: rows (store/people/linking.py), requests (web/people/wearables.py). Threads: any; pure.
"""

import secrets
from dataclasses import dataclass
from enum import Enum

from omi_actors.domain.people.accounts import digest_of

# Seconds. A notification is read within minutes.
CODE_LIFETIME_S = 600.0
# Wrong codes in all, over every code that is sent meanwhile: one code has a million values.
MAX_ATTEMPTS = 5
# Seconds after a code's end in which its wrong attempts count. So one account can try five codes a day.
REST_S = 86_400.0
# Codes sent to one wearable in an hour, by all accounts together. Omi takes 10 notifications an hour.
CODES_PER_HOUR = 3
# Seconds in which the wearer can undo the link; a stranger's link is noticed within days.
UNDO_LIFETIME_S = 30 * 86_400.0
_DIGITS = 6


class Start(Enum):
    """Outcome of asking for a code: it may be sent, or why not."""

    STARTED = "started"
    ALREADY_LINKED = "already linked"
    TAKEN = "taken"
    RESTING = "resting"
    LIMITED = "limited"


class Confirm(Enum):
    """Outcome of giving a code."""

    LINKED = "linked"
    ALREADY_LINKED = "already linked"
    NOT_STARTED = "not started"
    RESTING = "resting"
    EXPIRED = "expired"
    WRONG = "wrong"
    TAKEN = "taken"


@dataclass(frozen=True, slots=True)
class Link:
    """A wearable that an account has linked, or is linking. Times are UTC seconds."""

    omi_uid: str
    is_verified: bool
    verified_at: float | None
    created_at: float


def make_code() -> str:
    """Return a new code of six digits, by the system's secure random numbers."""
    return f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}d}"


def digest_of_code(account_id: str, omi_uid: str, code: str) -> str:
    """Return a code's digest. It holds for one account and one wearable only."""
    return digest_of(f"{account_id}:{omi_uid}:{code}")


def counted_attempts(failed_attempts: int, code_expires_at: float | None, now_s: float) -> int:
    """Return the number of wrong codes that still count: none when the last code is over for a day."""
    return failed_attempts if now_s < (code_expires_at or 0.0) + REST_S else 0


def code_text(code: str) -> str:
    """Return the notification that brings a code."""
    return f"Your verification code is {code}. It expires in 10 minutes."


def linked_text(email: str, undo_url: str) -> str:
    """Return the notification that tells a wearer of the link, with a hint at the account and the way to undo it."""
    name, _, domain = email.partition("@")
    return f"Your Omi is now linked to the account {name[:1]}***@{domain}. If this was not you, undo it: {undo_url}"
