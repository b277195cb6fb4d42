"""Cases of hearing as values, read from files: what was said when, and what was asked.

Not here: playing them (play.py). Threads: none.
"""

from hashlib import sha256
from pathlib import Path

import msgspec

# One in three, by the hash of its id, is not looked at while the detector is tuned.
_HELD_OUT_OF = 3


class Spoken(msgspec.Struct, frozen=True, array_like=True):
    """One segment as the wearable's platform sends it; times in seconds since the conversation began."""

    speaker: str
    text: str
    start_s: float
    end_s: float
    segment_id: str = ""


class Webhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happens at one moment: segments are received, or a reply has been given."""

    received_at_s: float | None = None
    segments: tuple[Spoken, ...] = ()
    reply_at_s: float | None = None


class Expected(msgspec.Struct, frozen=True, array_like=True):
    """A question that was asked, and when it should be taken: at once (with a webhook) or after pause."""

    text: str
    when: str


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"kind": "class"}):
    """One conversation."""

    id: str
    kind: str
    webhooks: tuple[Webhook, ...]
    expect: tuple[Expected, ...]
    mode: str = "TRIGGER"

    @property
    def language(self) -> str:
        """The file's language: ids begin with it."""
        return self.id.partition("-")[0]

    @property
    def is_held_out(self) -> bool:
        """Whether the case is not for tuning."""
        return sha256(self.id.encode()).digest()[0] % _HELD_OUT_OF == 0


def load_cases(folder: Path) -> tuple[Case, ...]:
    """Return every case of a folder's files, by language, then in the order of the file."""
    files = sorted(folder.glob("*.json"))
    return tuple(case for file in files for case in msgspec.json.decode(file.read_bytes(), type=tuple[Case, ...]))
