"""Faults that lose webhooks: those that are refused, and those that are not stored.

Not here: all other faults (faults.py, inner_faults.py), which fault is the cause of another (causes.py).
Threads: any; pure. Text is not yet escaped; it holds nobody's words.
"""

from collections.abc import Iterator

from omi_actors.instruments.counts import IN_PART
from omi_actors.instruments.spells import Spell
from omi_actors.status.fault import CRASH, DRAINING, LOOP, STORE, SUPERVISOR, WEBHOOKS, Facts, Fault, Part

_REFUSED = {
    "unauthorized": (
        "Omi's webhooks are refused: the token is wrong, or the signature",
        "Correct the address at Omi (its token is WEBHOOK_TOKEN), or OMI_SIGNING_SECRETS. Else a stranger guesses.",
    ),
    "malformed_json": (
        "Webhooks are refused: their bodies are not JSON",
        "See what sends them: Omi sends JSON, so a proxy changes bodies, or a test is wrong.",
    ),
    "bad_request": ("Webhooks are refused: their bodies cannot be read", "See the latest ones in the inspector."),
    "too_large": ("Webhooks are refused: they are too large", "See MAX_REQUEST_SIZE."),
    "rate_limited": ("Webhooks are refused: too many from one sender", "See RATE_LIMIT_MAX_REQUESTS."),
    "overloaded": ("Webhooks are refused for now: the server has too much work", "See the queue and the store."),
    "store_unavailable": ("Webhooks are refused for now: the store takes no writes", "See the store."),
}
_DROPPED = {
    "overloaded": "A wearer sent more than its session could take. See SESSION_MAILBOX_CAPACITY.",
    "store_unavailable": "See the store.",
    "store_failed": "See the store.",
    "session_unavailable": "Their sessions crashed; see the actors.",
    "too_large": "Bodies are above MAX_REQUEST_SIZE.",
    "no_owner": "They came without a uid: correct the webhook's address at Omi.",
    "repeated": "A signed webhook came again while the first was handled. A proxy, or a stranger, repeats requests.",
    "timeout": "Work took longer than the webhook may wait. See the times of the store, and the event loop.",
    "rate_limited": "One wearable sends too much: see RATE_LIMIT_MAX_WEBHOOKS.",
    "invalid": "They have a form that is not Omi's.",
    IN_PART: "Single pieces had no text or no times; the rest of their webhooks is stored.",
}
_LOSSES_OF = {
    "store_unavailable": frozenset((STORE, "store_errors")),
    "store_failed": frozenset((STORE, "store_errors")),
    "session_unavailable": frozenset((CRASH, "quarantine", STORE, SUPERVISOR, DRAINING)),
    "timeout": frozenset((STORE, LOOP)),
    "overloaded": frozenset((STORE, LOOP)),
    "internal_error": frozenset((CRASH,)),
}


def _webhooks(facts: Facts) -> Iterator[Fault]:
    for reason, spell in facts.spells.of("omi_webhooks_refused", "reason").items():
        if facts.is_mended(spell, facts.spells.of("omi_webhooks", "outcome").get("accepted")):
            continue
        what, do = _REFUSED.get(reason, (f"Webhooks are refused: {reason}", "See the latest ones in the inspector."))
        yield _lost(facts, spell, f"{what}.", do, reason)
    for reason, spell in facts.spells.of("omi_webhooks_dropped", "reason").items():
        part = "Parts of webhooks are" if reason == IN_PART else "Webhooks are"
        what = f"{part} not stored: {reason.replace('_', ' ')}."
        do = _DROPPED.get(reason, "See the latest ones in the inspector.")
        yield _lost(facts, spell, what, do, reason)


def _lost(facts: Facts, spell: Spell, what: str, do: str, reason: str) -> Fault:
    accepted = facts.spells.of("omi_webhooks", "outcome").get("accepted")
    # What another fault causes has ended with that fault.
    stops = facts.is_all_lost(spell, accepted) and reason != IN_PART and reason not in _LOSSES_OF
    return Fault(
        kind="webhooks",
        what=what,
        detail=facts.times(spell) + (" Webhooks are stored again." if facts.is_over(spell, accepted) else ""),
        do=do,
        link=Part.WEBHOOKS,
        rank=7 if stops else 23,
        since_s=facts.age_s(spell),
        stops=frozenset((WEBHOOKS,)) if stops else frozenset(),
        explained_by=_LOSSES_OF.get(reason, frozenset()),
    )


FINDERS = (_webhooks,)
