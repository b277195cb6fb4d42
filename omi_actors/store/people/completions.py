"""Completions of a person's programs: what one needs beside the program's own conversation.

Not here: the use that is counted (store/model_use.py), recall (recall.py). Threads: a session's reader.
"""

from dataclasses import dataclass

from omi_actors.domain.answers.budget import Use
from omi_actors.domain.people.preferences import read_preferences
from omi_actors.store.model_use import load_use
from omi_actors.store.people.preferences import load_preferences
from omi_actors.store.people.prompts import load_wish
from omi_actors.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Ground:
    """Use of the model by an account, its language ("" is that of the question), and if memories may be recalled.

    `wish` is the prompt that the person has chosen for the space.
    """

    use: Use
    language: str
    recalls: bool
    wish: str = ""


def load_ground(tx: Transaction, account_id: str, session_key: str) -> Ground:
    """Load the ground of a completion."""
    entered = load_preferences(tx, account_id).entered
    return Ground(
        load_use(tx, session_key),
        read_preferences(entered).language,
        bool(entered.get("inject_memories", False)),
        load_wish(tx, account_id, session_key.rpartition(":")[2]),
    )
