"""The answer job of a typed question.

Not here: its course, which is every answer's (answer.py), the session (actors/session/chat.py). Threads: none, pure.
"""

from omi_actors.domain.answers.budget import owner_of
from omi_actors.domain.sessions.chat import ChatQuestion, build_fingerprint
from omi_actors.domain.work.jobs import NewJob
from omi_actors.ids import new_id
from omi_actors.jobs.answer import KIND


def build_chat_key(session_key: str, key: str) -> str:
    """Return a typed question's idempotency key: unique among all questions of its session's owner for ever."""
    return f"chat:{owner_of(session_key)}:{key}"


def build_chat_job(
    question: ChatQuestion, *, session_id: str, session_key: str, now_s: float, max_attempts: int, request_id: str
) -> NewJob:
    """Return the job that answers this question. It is as urgent as one that was heard."""
    return NewJob(
        job_id=new_id(),
        kind=KIND,
        lane=session_id,
        idempotency_key=build_chat_key(session_key, question.key),
        payload={
            "session_id": session_id,
            "session_key": session_key,
            "conversation_id": question.conversation_id,
            "question": question.text,
            "context": question.context,
            "is_typed": True,
            "is_streamed": question.is_streamed,
        },
        created_at=now_s,
        run_at=now_s,
        priority=10,
        max_attempts=max_attempts,
        request_id=request_id,
        fingerprint=build_fingerprint(session_key, question.text, question.context),
    )
