"""What a session commits, as values: a turn, the job and message of each question in it.

Not here: deciding it (domain/), the commit (actor.py), statements (store/commits.py). Threads: the event loop.
"""

from collections.abc import Sequence
from typing import NamedTuple

from omi_actors.domain.hearing.hearing import Question
from omi_actors.domain.sessions.records import NewMessage, RawEvent, SessionCommit
from omi_actors.domain.sessions.transcript import Growth, Progress
from omi_actors.domain.work.jobs import NewJob
from omi_actors.ids import new_id
from omi_actors.instruments.logs import current_context
from omi_actors.jobs.answer import build_answer_job


class Turn(NamedTuple):
    """One turn's changes. `listening_until` is when a pause ends the question that is being spoken, None without.

    `active_space` is the space that is switched to, None for none.
    """

    progress: Progress
    listening_until: float | None
    growth: Growth | None = None
    jobs: tuple[NewJob, ...] = ()
    messages: tuple[NewMessage, ...] = ()
    raw_events: tuple[RawEvent, ...] = ()
    active_space: str | None = None


def build_commit(turn: Turn, session_key: str) -> SessionCommit:
    """Return the commit of one turn.

    Each takes the next epoch: one that was given up on, and is stored all the same, fences what was decided without it.
    """
    progress, growth = turn.progress, turn.growth
    return SessionCommit(
        session_id=progress.session_id,
        session_key=session_key,
        uid=session_key.partition(":")[2],
        epoch_before=progress.epoch,
        epoch=progress.epoch + 1,
        conversation_id=progress.conversation_id,
        conversation_number=progress.conversation_number,
        last_seq=progress.last_seq,
        last_end_s=progress.last_end_s,
        last_seen_at=progress.last_seen_at,
        listening_until=turn.listening_until,
        active_space=turn.active_space,
        new_conversation=growth.new_conversation if growth else None,
        segments=growth.fresh + growth.corrected if growth else (),
        messages=turn.messages,
        jobs=turn.jobs,
        raw_events=turn.raw_events,
    )


def build_jobs(
    questions: Sequence[Question],
    *,
    session_id: str,
    session_key: str,
    max_attempts: int,
    reply_until: float | None = None,
) -> tuple[NewJob, ...]:
    """Return the jobs that answer these questions, in the order in which they were asked.

    Until `reply_until` (UTC seconds), if there is one, a reply waits for the first of them.
    """
    context = current_context()
    return tuple(
        build_answer_job(
            session_id=session_id,
            session_key=session_key,
            question=question,
            max_attempts=max_attempts,
            request_id=context.request_id if context else "",
            reply_until=None if number else reply_until,
        )
        for number, question in enumerate(questions)
    )


def build_messages(questions: Sequence[Question], jobs: Sequence[NewJob], session_id: str) -> tuple[NewMessage, ...]:
    """Return the questions as the wearer's messages, each tied to the job that answers it."""
    return tuple(
        NewMessage(
            message_id=new_id(),
            session_id=session_id,
            conversation_id=question.conversation_id,
            role="user",
            kind="question",
            source="omi_transcript",
            text=question.text,
            job_id=job.job_id,
            model="",
            created_at=question.asked_at,
        )
        for question, job in zip(questions, jobs, strict=True)
    )
