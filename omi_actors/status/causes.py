"""Causes: faults with the other faults that they explain, and the state of the system in one sentence.

Not here: finding faults (faults.py, webhook_faults.py, inner_faults.py), HTML (web/pages/).
Threads: any; pure. Text is not yet escaped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from omi_actors.status import faults, inner_faults, webhook_faults
from omi_actors.status.fault import ANSWERS, WEBHOOKS, Facts, Fault

WELL = "All is well."
_STOPPED = {
    frozenset((ANSWERS, WEBHOOKS)): "Nothing is stored or answered",
    frozenset((WEBHOOKS,)): "No webhooks are stored",
    frozenset((ANSWERS,)): "No questions are answered",
}


@dataclass(frozen=True, slots=True)
class Cause:
    """A fault that no other explains, in the sentence `what`; `detail` has its numbers, which change.

    `do` says what helps, `link` leads to the place for it.

    `since` is UTC seconds, None if unknown; `consequences` are the sentences of the faults that it explains. `status`
    is fail if people get nothing because of it, else warn.
    """

    what: str
    do: str
    link: str
    since: float | None
    consequences: Sequence[str]
    status: str
    stops: frozenset[str] = frozenset()
    detail: str = ""


def find_causes(facts: Facts) -> list[Cause]:
    """Return the causes, the worst first. A fault that another one explains stands below that one only."""
    finders = (*faults.FINDERS, *webhook_faults.FINDERS, *inner_faults.FINDERS)
    found = [fault for find in finders for fault in find(facts)]
    found.sort(key=lambda fault: fault.rank)
    roots = [_root_of(fault, found) for fault in found]
    causes = [
        _build_cause(fault, [one for one, root in zip(found, roots, strict=True) if root is fault], facts)
        for fault, root in zip(found, roots, strict=True)
        if root is fault
    ]
    # A consequence may be what stops people, while the cause alone ranks low.
    return sorted(causes, key=lambda cause: not cause.stops)


def _root_of(fault: Fault, found: Sequence[Fault]) -> Fault:
    """Return the fault that explains this one in the end; itself if none does."""
    seen = [fault]
    while True:
        explaining = next((one for one in found if one.kind in seen[-1].explained_by and one not in seen), None)
        if explaining is None:
            return seen[-1]
        seen.append(explaining)


def _build_cause(fault: Fault, explained: Sequence[Fault], facts: Facts) -> Cause:
    stops = frozenset().union(*(one.stops for one in explained))
    ages = [one.since_s for one in explained if one.since_s is not None]
    age_s = fault.since_s if fault.since_s is not None else max(ages, default=None)
    return Cause(
        what=fault.what,
        do=fault.do,
        link=fault.link,
        since=None if age_s is None else facts.now_s - age_s,
        consequences=[f"{one.what} {one.detail}".strip() for one in explained if one is not fault],
        status="fail" if stops else "warn",
        stops=stops,
        detail=fault.detail,
    )


def describe_state(causes: Sequence[Cause]) -> tuple[str, str]:
    """Return pass, warn or fail, and the state in one sentence, which names the worst cause."""
    if not causes:
        return "pass", WELL
    worst = causes[0]
    if worst.stops:
        return "fail", f"{_STOPPED[worst.stops]}: {_inside(worst.what)}"
    return "warn", f"It works, but: {_inside(worst.what)}"


def _inside(sentence: str) -> str:
    """Return a sentence as the second half of another; it keeps the capital of a name."""
    return sentence if sentence.startswith(_NAMES) else sentence[:1].lower() + sentence[1:]


_NAMES = ("Omi", "OPENAI_", "Redis")


def show_causes(causes: Sequence[Cause]) -> list[Mapping[str, object]]:
    """Return the causes as JSON can hold them; `since` is UTC seconds."""
    return [
        {
            "what": cause.what,
            "detail": cause.detail,
            "do": cause.do,
            "link": cause.link,
            "since": None if cause.since is None else round(cause.since, 1),
            "status": cause.status,
            "consequences": list(cause.consequences),
        }
        for cause in causes
    ]
