"""Webhooks signed as Omi signs them.

Not here: checking a signature (the server's own). Threads: none, pure but for the clock.
Source: Omi's webhook signature v1: hex HMAC-SHA256(secret, "<t>.<uid>." + raw body), one for each secret in use.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from omi_actors.clock import Clock
from scripts.lab.replay.sender import Signer


def build_signer(secrets: Sequence[str], clock: Clock) -> Signer:
    """Return what signs with all of `secrets`, non-empty: while Omi rotates a secret there are two."""

    def sign(uid: str, body: bytes) -> Mapping[str, str]:
        signed_at = int(clock.now_s())
        content = f"{signed_at}.{uid}.".encode() + body
        digests = [hmac.new(secret.encode(), content, hashlib.sha256).hexdigest() for secret in secrets]
        signature = ",".join([f"t={signed_at}", *(f"v1={digest}" for digest in digests)])
        return {"X-Omi-Signature": signature, "X-Omi-Event": "realtime_transcript"}

    return sign
