"""Faults: a reply to a webhook, or of Omi's notification API, is lost after the work is done.

Not here: the proxy (proxy.py), Omi's API (replay/fake_omi.py). Threads: one event loop.
"""

import asyncio
from contextlib import suppress

from scripts.lab.chaos.fault import Fault, Findings, Rules
from scripts.lab.chaos.stage import Stage
from scripts.lab.replay.fake_omi import Mode
from scripts.lab.replay.generator import ConversationGenerator

_LOSE_EVERY = 4


async def _lose_replies(stage: Stage) -> Findings:
    proxy = stage.proxy
    if proxy is None:
        raise ValueError("this fault needs a stage with a proxy")
    proxy.lose_every = _LOSE_EVERY
    await asyncio.sleep(stage.sizes.fault_s)
    proxy.lose_every = 0
    stage.note_end()
    findings = Findings(figures={"replies_lost": proxy.lost})
    findings.demand("no reply was lost: the run shows nothing", holds=proxy.lost > 1)
    return findings


REPLY_LOST = Fault(
    name="reply_lost",
    what="one reply in four is lost: cut after the request has gone through, or taken from the wire",
    promise="Nothing is stored twice though senders come again; a question is answered once",
    allowed="an answer in a reply that was taken from the wire is only in the transcript: no server can know",
    inject=_lose_replies,
    rules=Rules(unreachable=True),
    has_proxy=True,
)


# Seconds of the model: longer than a reply waits here, so that the answer becomes a notification.
_MODEL_DELAY_S = 2.5
_SETTINGS = {
    # A shorter one would drop webhooks on a busy machine: those that cannot be kept a second later.
    "WEBHOOK_REPLY_DEADLINE_MS": "2000",
    # Every notification is tried; none waits for the circuit breaker.
    "OMI_BREAKER_FAILURES": "1000",
}
_LATE_S = 15.0
_POLL_S = 0.05
# Seed of these people, apart from those of other people.
_SEED = 3_000_003
_MOST_ASKERS = 1_000


async def _lose_notifications(stage: Stage) -> Findings:
    omi, model = stage.omi, stage.model
    usual_mode, usual_delay_s, before = omi.mode, model.delay_s, len(omi.pushes)
    omi.mode, model.delay_s = Mode.CUT, _MODEL_DELAY_S
    await asyncio.gather(*(_ask(stage, number) for number in range(stage.sizes.people)))
    await asyncio.sleep(stage.sizes.fault_s)
    await _until_notified(stage, before + stage.sizes.people)
    lost = omi.pushes[before:]
    omi.mode, model.delay_s = usual_mode, usual_delay_s
    stage.note_end()
    stage.cuts += [push.at_mono_s for push in lost]
    unclear = await _count(stage, len(lost))
    findings = Findings(figures={"replies_lost": len(lost), "counted_unclear": unclear})
    findings.demand("no reply was lost: the run shows nothing", holds=bool(lost))
    findings.demand(f"{len(lost)} replies were lost, and {unclear} counted", holds=unclear == len(lost))
    return findings


async def _ask(stage: Stage, number: int) -> None:
    """Let a person ask one question and then be silent."""
    seed = (_SEED + stage.seed) * _MOST_ASKERS + number
    await stage.post(ConversationGenerator(seed=seed, users=1, question_every=1).take(1)[0])


async def _until_notified(stage: Stage, pushes: int) -> None:
    """Wait for `count` notifications, with a time limit, since they are late on a busy machine."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_LATE_S):
            while len(stage.omi.pushes) < pushes:  # noqa: ASYNC110 (the fake tells of no event but the first)
                await asyncio.sleep(_POLL_S)


async def _count(stage: Stage, lost: int) -> int:
    """Return the server's count of notifications with an unclear result; the count may lag."""
    until_mono_s = stage.clock.mono_s() + _LATE_S
    while True:
        unclear = int(await stage.fetch_metric("omi_notifications_total", 'outcome="unclear"'))
        if unclear >= lost or stage.clock.mono_s() > until_mono_s:
            return unclear
        await asyncio.sleep(_POLL_S)


NOTIFICATION_LOST = Fault(
    name="notification_lost",
    what="Omi's API notifies the wearer, and its reply is lost: the connection ends",
    promise="An answer is notified at most once; one with an unknown result is counted, and comes again, marked",
    allowed="each such delivery is unknown, never notified again, and comes with the next reply, marked",
    inject=_lose_notifications,
    rules=Rules(marked=True),
    settings=_SETTINGS,
)
