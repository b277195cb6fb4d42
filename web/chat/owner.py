"""Whose chat it is: the operator's, or that of an anonymous secret which this server has issued.

A session is named by its owner and a label of the caller's, so that nobody reaches another's by guessing.
Not here: what a foreign page may do (origins.py), bodies (body.py). Threads: any, frozen after construction.
"""

import hashlib
import re
from dataclasses import dataclass

from config.settings import Settings
from omi_actors.errors import BadRequestError, SignatureMismatchError
from omi_actors.ids import new_secret
from web.auth import is_same
from web.webhook.intake import UID, session_key_of

DEFAULT_LABEL = "default"
# What names a session, in headers, addresses and logs as it is.
_LABEL = re.compile(r"[A-Za-z0-9_.@-]{1,128}")
_WEARABLE = "omi:"
# A secret as ids.new_secret makes it; others are not taken, so that nobody chooses a weak one.
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Owner:
    """Who chats. `prefix` begins the names of their sessions; `new_secret` is to be sent to them, "" for nothing."""

    prefix: str
    is_operator: bool = False
    new_secret: str = ""

    def session_key(self, label: str) -> str:
        """Return the name of the session that this owner calls `label`. The operator may name a wearable's.

        Raises:
            BadRequestError: it is no label.
        """
        if self.is_operator and label.startswith(_WEARABLE):
            uid = label.removeprefix(_WEARABLE)
            if not UID.fullmatch(uid):
                raise BadRequestError("`session_id` names a wearable by other characters than Omi's uids have.")
            return session_key_of(uid)
        if not _LABEL.fullmatch(label):
            raise BadRequestError("`session_id` must have 1 to 128 characters: letters, digits, `-`, `_`, `.`, `@`.")
        return f"{self.prefix}:{label}"


OPERATOR = Owner("chat:operator", is_operator=True)


class ChatGuard:
    """Decides who chats."""

    def __init__(self, settings: Settings) -> None:
        self._admin_token = settings.admin_token.get_secret_value().encode() if settings.admin_token else b""
        # Only programs on this machine reach a development server on loopback.
        is_private = settings.app_env == "development" and settings.is_loopback
        self._is_open = settings.allow_anonymous_chat or is_private

    def find_owner(self, bearer: str | None, secret: str | None) -> Owner:
        """Return the owner; a stranger becomes an anonymous one with a secret of their own, where that is allowed.

        `bearer` is a token, `secret` an anonymous secret as it was sent back, each None for none.

        Raises:
            SignatureMismatchError: the token is wrong, or one is needed.
        """
        if bearer is not None:
            if not is_same(bearer, self._admin_token):
                raise SignatureMismatchError("The token is not the operator's ADMIN_TOKEN.")
            return OPERATOR
        if not self._is_open:
            raise SignatureMismatchError(
                "Chat needs `Authorization: Bearer` with ADMIN_TOKEN here; ALLOW_ANONYMOUS_CHAT=true would open it."
            )
        if secret is not None and _SECRET.fullmatch(secret):
            return _anonymous(secret)
        issued = new_secret()
        return Owner(_anonymous(issued).prefix, new_secret=issued)


def _anonymous(secret: str) -> Owner:
    """Return the owner of a secret; what is stored cannot be turned back into it."""
    return Owner(f"anon:{hashlib.sha256(secret.encode()).hexdigest()}")
