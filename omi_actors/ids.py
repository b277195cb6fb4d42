"""Identifiers and secrets: how they are made.

Not here: where they are kept (store/), how they are checked (web/auth.py). Threads: any.
"""

import os
import secrets
import time
import uuid


def new_id() -> str:
    """Return a UUID version 7 as text: unique everywhere, and sorted by the millisecond of its making.

    Source: RFC 9562 §5.7.
    """
    unix_ms = time.time_ns() // 1_000_000
    rand = int.from_bytes(os.urandom(10), "big")
    value = (unix_ms & 0xFFFF_FFFF_FFFF) << 80 | rand
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))


def new_request_id() -> str:
    """Return 16 hex characters that name one request through logs, messages and jobs."""
    return os.urandom(8).hex()


def new_secret() -> str:
    """Return a URL-safe secret with 256 bits of entropy."""
    return secrets.token_urlsafe(32)
