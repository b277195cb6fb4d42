"""The name of a heard question: the idempotency key of the job that answers it.

A question is named by where it was put, so that it is answered once however often its segment is sent.
Not here: hearing it (domain/hearing/hearing.py), the job (jobs/answer.py). Threads: none, pure.
"""

# What the keys of heard questions begin with; questions that were typed have other names.
HEARD = "answer:"

# A segment's key, and how many questions were put in that segment before.
Place = tuple[str, int]


def build_question_key(session_id: str, place: Place) -> str:
    """Return the key of the question that was put at `place`."""
    segment_key, ordinal = place
    return f"{HEARD}{session_id}:{segment_key}:{ordinal}"


def read_place(question_key: str) -> Place:
    """Return where the question of this key was put. A session's id has no colon; a segment's key may."""
    segment_key, _, ordinal = question_key.split(":", 2)[2].rpartition(":")
    return segment_key, int(ordinal)
