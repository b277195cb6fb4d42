"""How long a question has: the wall clock of a whole turn, over all attempts.

Not here: whether an attempt is made again (retry.py). Threads: none, pure; seconds of the wall clock.
"""

# Below this share of the whole an attempt has little chance, and an honest sentence now is worth more.
_LEAST_SHARE = 0.25


def attempt_deadline_s(asked_at: float, now_s: float, whole_s: float) -> float:
    """Return the seconds that an attempt may take which begins now: what is left of `whole_s`.

    A question that we ourselves kept waiting, by a restart or a long queue, gets all of it anew.
    """
    left_s = min(whole_s, whole_s - (now_s - asked_at))
    return left_s if left_s >= _LEAST_SHARE * whole_s else whole_s


def longest_wait_s(asked_at: float, now_s: float, whole_s: float) -> float:
    """Return the seconds that the next attempt may be put off, 0 or less for none: then it is too late for one."""
    return min(whole_s, whole_s - (now_s - asked_at)) - _LEAST_SHARE * whole_s
