"""Faults that people notice: nothing is taken, or nothing is answered.

Not here: lost webhooks (webhook_faults.py), all other faults (inner_faults.py), which fault is the cause of another
(causes.py).
Threads: any; pure. Text is not yet escaped; it holds nobody's words.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from omi_actors.status.fault import (
    ALL_STOPPED,
    ANSWERS,
    BUDGET,
    CRASH,
    DRAINING,
    IN_A_ROW,
    LOOP,
    MODEL,
    NO_ANSWERS,
    PAUSED,
    STORE,
    SUPERVISOR,
    WEBHOOKS,
    Check,
    Facts,
    Fault,
    Part,
)
from omi_actors.status.units import as_sentence, format_seconds

# --- what stops everything


def _draining(facts: Facts) -> Iterator[Fault]:
    if facts.is_draining:
        yield Fault(
            kind=DRAINING,
            what="The server is stopping: it takes no new work.",
            do="Start it again when it has ended; what it has accepted is stored.",
            link=Part.SYSTEM,
            rank=0,
            stops=frozenset((ANSWERS, WEBHOOKS)),
        )


# The driver's words, behind the file's name.
# The beginning of what PostgreSQL's driver says, with addresses and paths, when it cannot connect.
_UNREACHED: Final = "connection to server "
_IN_BRACKETS: Final = re.compile(r"\(([^()]+)\)")


def _store(facts: Facts) -> Iterator[Fault]:
    check = facts.checks.get("store", {})
    if check.get("status") == "fail":
        note = str(check.get("reason") or check.get("note") or "it does not run")
        reason = note.removeprefix("the store is unavailable: ").rstrip(".")
        short = _shorten(reason)
        # The note counts seconds; a sentence stays.
        is_silent = "reason" not in check and "since_seconds" in check
        yield Fault(
            kind=STORE,
            what="The store does not answer." if is_silent else f"The store takes no writes: {short or reason}.",
            detail=f"{reason}." if short else "",
            do="Check that the disk of DATA_DIR has space and can be written, or that the database of DATABASE_URL"
            " runs. The server goes on by itself when the store does.",
            link=Part.DATABASE,
            rank=1,
            since_s=check.get("since_seconds"),
            stops=frozenset((ANSWERS, WEBHOOKS)),
        )
    for kind, spell in facts.spells.of("omi_store_errors", "kind").items():
        if kind != "fenced":
            yield Fault(
                kind="store_errors",
                what=f"The store failed: {kind}.",
                detail=facts.times(spell),
                do="Check the database's disk and its own log.",
                link=Part.DATABASE,
                rank=42,
                since_s=facts.age_s(spell),
                explained_by=ALL_STOPPED,
            )


def _shorten(reason: str) -> str:
    """Return the part of a reason that a headline has room for; "" for all of it."""
    if reason.startswith(_UNREACHED):
        return "its database cannot be reached"
    found = _IN_BRACKETS.search(reason)
    return found[1] if found else ""


def _supervisor(facts: Facts) -> Iterator[Fault]:
    check = facts.checks.get("supervisor", {})
    if check.get("status") == "fail":
        states = ", ".join(
            f"{name} is {state}" for name, state in check.get("actors", {}).items() if state != "running"
        )
        yield Fault(
            kind=SUPERVISOR,
            what=f"A part of the server does not run: {states or 'it restarts'}.",
            do="It restarts by itself. If it stays so, restart the server.",
            link=Part.ACTORS,
            rank=2,
            stops=frozenset((ANSWERS,)),
            explained_by=frozenset((DRAINING, STORE)),
        )


# --- answers


def _paused(facts: Facts) -> Iterator[Fault]:
    for kind, since in facts.paused.items():
        is_answers = kind in ("*", "answer")
        yield Fault(
            kind=PAUSED if is_answers else "paused_others",
            what="The queue is paused." if kind == "*" else f"Jobs of the kind {kind} are paused.",
            do=f"Resume it below, or with `omi-actors queue resume{'' if kind == '*' else f' {kind}'}`.",
            link=Part.QUEUE,
            rank=3 if is_answers else 30,
            since_s=max(0.0, facts.now_s - since),
            stops=frozenset((ANSWERS,)) if is_answers else frozenset(),
        )


_MODEL_WORDS = {
    "invalid_api_key": "The model's server refuses our key.",
    "insufficient_quota": "The account at the model's server has no credit left.",
    "model_not_found": "The model's server does not know the model {model}.",
    "wrong_address": "OPENAI_BASE_URL is not the address of a model's server.",
    "redirected": "OPENAI_BASE_URL leads to another address.",
    "thought_too_long": "The model thinks until its tokens are used up.",
    "unreadable_reply": "What answers at OPENAI_BASE_URL cannot be read.",
    "place_refused": "The model's server does not serve this machine's country or address.",
    "refused": "The model's server refuses our requests.",
    "timeout": "The model {model} does not answer in time.",
    "busy": "The model's server asks us to be slower.",
    "unavailable": "The model's server cannot be reached.",
}
# Causes that may come for a single question; several failures in a row stop answers.
_PASSING: Final = frozenset(("timeout", "busy", "empty_answer"))


def _model(facts: Facts) -> Iterator[Fault]:
    check = facts.checks.get("model", {})
    models = [check, *check.get("fallbacks", ())]
    if check.get("provider") == "demo":
        yield Fault(
            kind="demo",
            what="The demo model answers: it repeats the question.",
            do="Set OPENAI_API_KEY in .env and start again: README, “Connect a model”.",
            link=Part.MODEL,
            rank=90,
        )
    if _is_failing(check):
        yield _broken_model(check, models[1:])
    if pause_s := check.get("breaker_pause_seconds"):
        yield Fault(
            kind="breaker",
            what="The model is not asked for now: it failed several times in a row.",
            detail=f"For {format_seconds(pause_s)} more.",
            do="It is asked again by itself.",
            link=Part.MODEL,
            rank=43,
            explained_by=frozenset((MODEL,)),
        )


def _broken_model(check: Check, fallbacks: Sequence[Check]) -> Fault:
    error = check.get("last_error", {})
    words = _MODEL_WORDS.get(error.get("cause", ""), "The model fails: {cause}.")
    others = [one for one in fallbacks if not _is_failing(one)]
    stops = not others and (error.get("cause") not in _PASSING or error.get("count", 1) >= IN_A_ROW)
    note = f" {others[0].get('model')} answers instead." if others else ""
    fix = str(error.get("fix") or check.get("hint") or "check OPENAI_BASE_URL and OPENAI_API_KEY")
    return Fault(
        kind=MODEL,
        what=words.format(model=check.get("model", ""), cause=error.get("cause", "unknown")) + note,
        detail=as_sentence(_own_words(str(error.get("reason", "")), words)),
        do=as_sentence(fix),
        link=Part.MODEL,
        rank=4 if stops else 20,
        since_s=error.get("since_seconds"),
        stops=frozenset((ANSWERS,)) if stops else frozenset(),
    )


def _own_words(reason: str, words: str) -> str:
    """Return what the reason says beyond our words for its cause; "" if nothing."""
    return "" if reason.lower().startswith(words.lower().rstrip(".")) else reason


def _is_failing(check: Check) -> bool:
    error = check.get("last_error", {})
    return bool(error.get("is_current")) and check.get("status") != "pass"


def _budget(facts: Facts) -> Iterator[Fault]:
    answered = facts.spells.of("omi_answers", "outcome").get("answered")
    for whose, spell in facts.spells.of("omi_budget_refusals", "whose").items():
        is_all = whose == "all"
        is_over = facts.is_over(spell, answered)
        yield Fault(
            kind=BUDGET if is_all else "budget_of_one",
            what=("The budget of the model" if is_all else "One wearer's budget")
            + (" was spent: questions were refused." if is_over else " is spent: questions are refused."),
            detail=facts.times(spell),
            do="Raise MODEL_REQUESTS_PER_MINUTE or MODEL_TOKENS_PER_DAY, or find out who asks so much."
            if is_all
            else "Raise MODEL_USER_REQUESTS_PER_MINUTE or MODEL_USER_TOKENS_PER_DAY if it is right.",
            link=Part.MODEL,
            rank=5 if is_all else 31,
            since_s=facts.age_s(spell),
            stops=frozenset((ANSWERS,)) if is_all and not is_over else frozenset(),
        )


_CAUSES_OF_ENDS = {
    "budget_spent": frozenset((BUDGET, "budget_of_one")),
    "store": frozenset((STORE, "store_errors")),
    "internal": frozenset((CRASH, STORE)),
}


_RETRY = "Retry or discard the failed jobs when the fault is mended."
_OURS = frozenset(("internal", "store", "unreadable_job"))


def _unanswered(facts: Facts) -> Iterator[Fault]:
    answered = facts.spells.of("omi_answers", "outcome").get("answered")
    for cause, spell in facts.spells.of("omi_answers", "cause").items():
        # A model's refusal ends with the fault of the model; it may also concern this one question only.
        is_all = cause in _OURS and facts.is_all_lost(spell, answered)
        why = _why(cause, facts)
        is_over = facts.is_over(spell, answered)
        yield Fault(
            kind="unanswered",
            what=_describe_end(why, is_over=is_over, is_all=is_all),
            detail=f"The cause was: {why}. {facts.times(spell)}" if is_over else facts.times(spell),
            do=_RETRY if cause != "internal" else f"This is a mistake in the program: see the errors. {_RETRY}",
            link=Part.QUEUE,
            rank=6 if is_all else 21,
            since_s=facts.age_s(spell),
            stops=frozenset((ANSWERS,)) if is_all else frozenset(),
            explained_by=_CAUSES_OF_ENDS.get(cause, ALL_STOPPED | {MODEL}),
        )


def _describe_end(why: str, *, is_over: bool, is_all: bool) -> str:
    if is_over:
        return "Questions are answered again; some had no answer."
    # The state begins with "No questions are answered".
    return as_sentence(why) if is_all else f"Questions ended without an answer: {why}."


def _why(cause: str, facts: Facts) -> str:
    """Return the cause of questions without an answer in words."""
    if cause in _OURS:
        return f"{cause.replace('_', ' ')} error{facts.last_error('job_attempt_failed (answer)')}"
    sentence = _MODEL_WORDS.get(cause, "").format(model="").replace("  ", " ").rstrip(".")
    return (
        f"{sentence[:1].lower()}{sentence[1:]}" if sentence.startswith("The ") else sentence or cause.replace("_", " ")
    )


def _waiting(facts: Facts) -> Iterator[Fault]:
    check = facts.checks.get("queue", {})
    if check.get("status") in ("warn", "fail"):
        waits_s = float(check.get("oldest_waits_seconds") or 0.0)
        yield Fault(
            kind="waiting",
            what="Jobs wait.",
            detail=f"The oldest for {format_seconds(waits_s)}.",
            do="See how long the model takes; raise OPENAI_MAX_CONCURRENCY if it can take more at once.",
            link=Part.QUEUE,
            rank=22,
            since_s=waits_s,
            explained_by=NO_ANSWERS | {LOOP},
        )


FINDERS = (_draining, _store, _supervisor, _paused, _model, _budget, _unanswered, _waiting)
