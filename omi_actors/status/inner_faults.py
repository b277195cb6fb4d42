"""Faults inside: crashes, failed requests, notifications, jobs, Redis, clock, retention, the event loop, the log.

Not here: what people notice at once (faults.py, webhook_faults.py), which fault is the cause of another (causes.py).
Threads: any; pure. Text is not yet escaped; it holds nobody's words.
"""

from collections.abc import Iterator

from omi_actors.instruments.latencies import CHAT, PAGES, WEBHOOK, group_of
from omi_actors.jobs.answer import KIND as ANSWER
from omi_actors.status.fault import (
    ALL_STOPPED,
    BUDGET,
    CRASH,
    LOOP,
    MODEL,
    NO_ANSWERS,
    Facts,
    Fault,
    Part,
)
from omi_actors.status.units import as_sentence, format_count

# By outcomes that an operator can correct.
NOTIFICATION_HINTS = {
    "unauthorized": "Omi refused the key, or the wearer has not enabled the app: see OMI_APP_SECRET.",
    "invalid": "Omi does not understand the notification: see OMI_NOTIFY_VERSION.",
    "app_not_found": "Omi does not know the app: correct OMI_APP_ID.",
    "no_budget": "The hour's budget is spent: a faster model lets answers go out in replies.",
    "unreachable": "Omi's API cannot be reached: see OMI_API_URL and the network.",
    "unclear": "Omi's API ended without a clear result: see OMI_NOTIFY_TIMEOUT_MS.",
    "set_aside": "Omi's API failed several times and is not called for now: see OMI_API_URL.",
    "refused": "Omi refused notifications: see OMI_API_URL.",
}


def _crashes(facts: Facts) -> Iterator[Fault]:
    for kind, spell in facts.spells.of("omi_actor_crashes", "kind").items():
        yield Fault(
            kind=CRASH,
            what=f"An actor crashed: {kind}{facts.last_error(f'actor crashed ({kind})')}.",
            detail=facts.times(spell),
            do="It was restarted at once. This is a mistake in the program: the error's place is below.",
            link=Part.ERRORS,
            rank=24,
            since_s=facts.age_s(spell),
            explained_by=ALL_STOPPED,
        )
    if aside := facts.gauges.get("quarantined"):
        yield Fault(
            kind="quarantine",
            what="Sessions rest for a minute after crashes.",
            detail=f"{format_count(aside)} now.",
            do="They are restarted by themselves. This is a mistake in the program: the error's place is below.",
            link=Part.ACTORS,
            rank=25,
            explained_by=frozenset((CRASH,)),
        )
    if stuck := facts.gauges.get("zombies"):
        yield Fault(
            kind="zombies",
            what="Threads of actors did not end.",
            detail=f"{format_count(stuck)} now.",
            do="Restart the server.",
            link=Part.ACTORS,
            rank=44,
        )


def _failed_requests(facts: Facts) -> Iterator[Fault]:
    for route, spell in facts.spells.of("omi_http_requests", "route").items():
        group = group_of(route)
        # Pages say the state of the server by their status, and webhooks have faults of their own.
        if group in (PAGES, WEBHOOK):
            continue
        yield Fault(
            kind="requests",
            what=f"Requests to {route} failed{facts.last_error(route)}.",
            detail=facts.times(spell),
            do="Open one of them below: its timeline has the error.",
            link=Part.ERRORS,
            rank=26,
            since_s=facts.age_s(spell),
            explained_by=ALL_STOPPED | {CRASH, LOOP} | (NO_ANSWERS if group == CHAT else frozenset()),
        )


def _notifications(facts: Facts) -> Iterator[Fault]:
    for outcome, spell in facts.spells.of("omi_notifications", "outcome").items():
        if outcome in NOTIFICATION_HINTS:
            yield Fault(
                kind="notifications",
                what=f"Notifications do not go out: {outcome.replace('_', ' ')}.",
                detail=facts.times(spell),
                do=f"{NOTIFICATION_HINTS[outcome]} The answers wait for their wearers' next contact.",
                link=Part.DELIVERIES,
                rank=27,
                since_s=facts.age_s(spell),
                explained_by=ALL_STOPPED,
            )
    if facts.checks.get("notifications", {}).get("breaker", "closed") == "open":
        yield Fault(
            kind="notify_breaker",
            what="Omi's API is not called for now: it failed several times in a row.",
            do="See OMI_API_URL and the network; it is called again by itself.",
            link=Part.DELIVERIES,
            rank=45,
            explained_by=frozenset(("notifications",)),
        )


def _dead_jobs(facts: Facts) -> Iterator[Fault]:
    for kind, spell in facts.spells.of("omi_job_attempts", "kind").items():
        if kind == ANSWER:  # a question without an answer, which has a fault of its own
            continue
        explained_by = frozenset(("unanswered", "notifications")) | ALL_STOPPED | {MODEL, BUDGET}
        yield Fault(
            kind="dead_jobs",
            what=f"Jobs failed for good: {kind}{facts.last_error(f'job_attempt_failed ({kind})')}.",
            detail=facts.times(spell),
            do="Retry or discard them below when their cause is mended.",
            link=Part.QUEUE,
            rank=28,
            since_s=facts.age_s(spell),
            explained_by=explained_by,
        )


# Seconds that people notice, and the share of late timers in a minute that slows all requests; a blip is no fault.
_LONG_S, _OFTEN = 1.0, 0.05


def _loop(facts: Facts) -> Iterator[Fault]:
    check = facts.checks.get("loop", {})
    is_long, is_often = check.get("lag_max_seconds", 0.0) >= _LONG_S, check.get("late_share", 0.0) >= _OFTEN
    if is_long or is_often:
        yield Fault(
            kind=LOOP,
            what="The event loop was blocked.",
            detail=as_sentence(str(check.get("note", ""))),
            do="See whether the machine is busy or short of memory. All requests waited meanwhile.",
            link=Part.SYSTEM,
            rank=60,
        )


# Checks whose note says the rest: the fault's sentence, what to do, the page's part, the rank.
_TOLD = {
    "backplane": (
        "Redis is lost.",
        "Nodes do not reach each other meanwhile.",
        Part.SYSTEM,
        40,
    ),
    "clock": (
        "This machine's clock is wrong.",
        "Set the clock and keep it by NTP (timedatectl set-ntp true): beyond 5 minutes the node is refused.",
        Part.SYSTEM,
        32,
    ),
    "nodes": (
        "Sessions go to and fro between nodes.",
        "Send each uid to one node.",
        Part.SYSTEM,
        50,
    ),
    "other_nodes": ("Another node needs attention.", "See the section Nodes.", Part.NODES, 45),
    "retention": ("Nothing old is deleted.", "Run `omi-actors retention resume` if it may be.", Part.SYSTEM, 51),
    "erasures": ("An account is not erased in time.", "See whether the store is busy or fails.", Part.DATABASE, 52),
}


def _told(facts: Facts) -> Iterator[Fault]:
    for name, (what, do, link, rank) in _TOLD.items():
        check = facts.checks.get(name, {})
        if check.get("status") in ("warn", "fail"):
            yield Fault(
                kind=name,
                what=what,
                detail=as_sentence(str(check.get("note", ""))),
                do=as_sentence(str(check.get("hint") or do)),
                link=link,
                rank=rank,
                since_s=check.get("since_seconds"),
                explained_by=ALL_STOPPED if name == "erasures" else frozenset(),
            )


def _log(facts: Facts) -> Iterator[Fault]:
    for reason, spell in facts.spells.of("omi_log_lines_lost", "reason").items():
        yield Fault(
            kind="log",
            what=f"Lines are missing in the log file: {reason}.",
            detail=facts.times(spell),
            do="Check whether the disk of LOG_DIR is full or slow.",
            link=Part.SYSTEM,
            rank=53,
            since_s=facts.age_s(spell),
        )


FINDERS = (_crashes, _failed_requests, _notifications, _dead_jobs, _loop, _told, _log)
