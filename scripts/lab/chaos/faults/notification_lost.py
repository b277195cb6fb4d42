"""Fault: Omi's API pushes a notification, and its reply is lost.

Not here: lost replies to webhooks (reply_lost.py), Omi's API (replay/fake_omi.py).
Threads: one event loop.
"""

import asyncio
from contextlib import suppress

from scripts.lab.chaos.fault import Fault, Findings, Rules
from scripts.lab.chaos.stage import Stage
from scripts.lab.replay.fake_omi import Mode
from scripts.lab.replay.generator import ConversationGenerator

# Seconds of the model: longer than a reply waits here, so that who asks and says no more is notified.
_MODEL_DELAY_S = 2.5
_SETTINGS = {
    # shorter would drop webhooks on a busy machine: what cannot be kept within a second more is dropped
    "WEBHOOK_REPLY_DEADLINE_MS": "2000",
    # every notification is to be tried, and none to wait for the breaker
    "OMI_BREAKER_FAILURES": "1000",
}
_LATE_S = 15.0
_POLL_S = 0.05
# Seeds of these people must not be those of anybody else.
_SEED = 3_000_003
_MOST_ASKERS = 1_000


async def _inject(stage: Stage) -> Findings:
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
    """Let somebody ask once, and say no more."""
    seed = (_SEED + stage.seed) * _MOST_ASKERS + number
    await stage.post(ConversationGenerator(seed=seed, users=1, question_every=1).take(1)[0])


async def _until_notified(stage: Stage, pushes: int) -> None:
    """Wait for so many notifications, at least for a while: on a busy machine they come late."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_LATE_S):
            while len(stage.omi.pushes) < pushes:  # noqa: ASYNC110 (the fake tells of no event but the first)
                await asyncio.sleep(_POLL_S)


async def _count(stage: Stage, lost: int) -> int:
    """Return how many notifications have no clear result, as the server counts; it may be a moment late."""
    until_mono_s = stage.clock.mono_s() + _LATE_S
    while True:
        unclear = int(await stage.fetch_metric("omi_notifications_total", 'outcome="unclear"'))
        if unclear >= lost or stage.clock.mono_s() > until_mono_s:
            return unclear
        await asyncio.sleep(_POLL_S)


FAULT = Fault(
    name="notification_lost",
    what="Omi's API notifies the wearer, and its reply is lost: the connection ends",
    promise="An answer is notified at most once; what nobody knows to have arrived is counted, and said marked",
    allowed="each such delivery is unknown, never notified again, and comes with the next reply, marked",
    inject=_inject,
    rules=Rules(marked=True),
    settings=_SETTINGS,
)
