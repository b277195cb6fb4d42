"""How long a question has: the wall clock of a whole turn, over all attempts.

Not here: whether an attempt is made again (retry.py). Threads: none, pure; seconds of the wall clock.
"""

# Below this share of the whole an attempt has little chance, and an honest sentence now is worth more.
_LEAST_SHARE = 0.25


def attempt_deadline_s(asked_at: float, run_at: float, now_s: float, whole_s: float) -> float:
    """Return the seconds that an attempt may take which begins now.

    `run_at` is when it was put off to, `asked_at` if it never was: then the model has not cost it any time, and it has
    all of it. Afterwards it has what is left, and a moment at least: the pause may end a little late. A question whose
    time is over all the same was kept waiting by ourselves, by a restart, and begins anew.
    """
    left_s = min(whole_s, whole_s - (now_s - asked_at))
    if run_at <= asked_at or left_s <= 0.0:
        return whole_s
    return max(left_s, _LEAST_SHARE * whole_s)


def longest_wait_s(asked_at: float, now_s: float, whole_s: float) -> float:
    """Return the seconds that the next attempt may be put off, 0 or less for none: then it is too late for one."""
    return min(whole_s, whole_s - (now_s - asked_at)) - _LEAST_SHARE * whole_s
