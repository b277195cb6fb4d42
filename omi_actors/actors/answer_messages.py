"""The messages about answers that another node has stored, grouped by receiver.

Not here: all other messages of sessions and keepers (actors/session/messages.py, actors/maintenance/messages.py).
Threads: frozen, any.
"""

from dataclasses import dataclass

from omi_actors.domain.sessions.records import OpenAnswer, WaitingAnswer

# --- to the answer sweeper --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AnsweredElsewhere:
    """Sent by the backplane keeper: another node has stored the answer of this job, which a reply waits for here.

    A hint only: it may be lost, late or repeated, and it may be wrong. The store knows.
    """

    job_id: str


@dataclass(frozen=True, slots=True)
class AnswersRead:
    """Sent by the sweeper's own look for the answers that replies wait for here: those that are stored.

    None of them when the store did not answer.
    """

    answers: tuple[WaitingAnswer, ...]


# --- to a session (by way of the router) ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AnswerFound:
    """Sent by the answer sweeper: the answer that a reply of this session waits for is stored, and stands as it says.

    Who stored it has not told us; it may be on its way, or given, by another node.
    """

    session_key: str
    answer: OpenAnswer
