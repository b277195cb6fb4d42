"""Refusals that no handler writes, as bytes: in the one form, counted, and the last word on their connection.

Not here: which errors are which problem (web/problems.py). Threads: the event loop.
"""

from omi_actors.clock import Clock
from omi_actors.ids import new_request_id
from web.counting import count_request
from web.problems import Problem, problem_json
from web.replies import CLOSE, reply_bytes


def refusal_bytes(problem: Problem, request_id: str | None, clock: Clock) -> bytes:
    """Return a whole reply, after which the connection is to be closed."""
    now_s = clock.now_s()
    count_request("other", "other", problem.status, 0.0)
    request_id = request_id or new_request_id()
    again = "" if problem.retry_after_s is None else f"Retry-After: {max(1, round(problem.retry_after_s))}\r\n"
    body = problem_json(problem, request_id=request_id, now_s=now_s)
    return reply_bytes(problem.status, body, request_id=request_id, now_s=now_s, more=again + CLOSE)
