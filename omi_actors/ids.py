"""Makers of identifiers and secrets.

Not here: storing them (store/), checking them (web/auth.py). Threads: any.
"""

import os
import random
import secrets
import time
from itertools import count

# For identifiers, not secrets. Fresh entropy for each would cost a system call.
_rng = random.Random(os.urandom(32))  # noqa: S311 (see above)
_process = os.urandom(4).hex()
_numbers = count(1)


def new_id() -> str:
    """Return a UUID version 7 as text: unique everywhere. Ids sort by the millisecond of their creation.

    Source: RFC 9562 §5.7.
    """
    unix_ms = time.time_ns() // 1_000_000 & 0xFFFF_FFFF_FFFF
    value = unix_ms << 80 | 0x7 << 76 | _rng.getrandbits(12) << 64 | 0x2 << 62 | _rng.getrandbits(62)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_request_id() -> str:
    """Return the id of one request for logs, messages and jobs: 8 hex characters of the process, 8 of the request."""
    return f"{_process}{next(_numbers) & 0xFFFF_FFFF:08x}"


def new_secret() -> str:
    """Return a URL-safe secret with 256 bits of entropy."""
    return secrets.token_urlsafe(32)
