"""Payloads of jobs as they are read back.

Not here: writing them (commits.py), what a kind wants of them (domain/work/jobs.py). Threads: none, pure.
"""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any


def read_object(text: str) -> Mapping[str, Any] | None:
    """Return a payload as it was enqueued; None if it is no JSON object."""
    try:
        value = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None
    return MappingProxyType(value) if isinstance(value, dict) else None
