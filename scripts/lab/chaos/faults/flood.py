"""Fault: one wearer's webhooks by the thousand, at once.

Not here: many wearers at once, which is load. Threads: one event loop.
"""

import asyncio
from collections.abc import Iterator

from scripts.lab.chaos.fault import Fault, Findings
from scripts.lab.chaos.process import read_footprint
from scripts.lab.chaos.stage import Stage
from scripts.lab.replay.generator import ConversationGenerator
from scripts.lab.replay.recording import RecordedRequest

# Open connections of the one who floods.
_CONNECTIONS = 200
# Seeds of the flood's talk must not be those of anybody else.
_SEED = 1_000_003
_MOST_GROWTH_BYTES = 50 * 1024 * 1024


async def _inject(stage: Stage) -> Findings:
    talk = ConversationGenerator(seed=_SEED + stage.seed, users=1, question_every=100)
    requests = iter(talk.take(stage.sizes.flood_posts))
    before, begin = len(stage.traffic.attempts), read_footprint(stage.server.pid)
    await asyncio.gather(*(_post_all(stage, requests) for _ in range(_CONNECTIONS)))
    stage.note_end()
    growth_bytes = read_footprint(stage.server.pid).resident_bytes - begin.resident_bytes
    others_ms = stage.measure_others_ms(before)
    statuses = {one.status for one in stage.aside}
    findings = Findings(
        figures={
            "flood_posts": len(stage.aside),
            "flood_kept": sum(one.is_acknowledged for one in stage.aside),
            "flood_dropped": sum(bool(one.dropped) for one in stage.aside),
            "memory_growth_mib": round(growth_bytes / 2**20, 1),
            "others_p99_ms": others_ms,
        }
    )
    findings.demand(f"the flood was answered with {statuses}, not with 200", holds=statuses == {200})
    findings.demand(
        "nothing of the flood was dropped: the run shows nothing", holds=any(o.dropped for o in stage.aside)
    )
    findings.demand(f"memory grew by {growth_bytes} bytes", holds=growth_bytes < _MOST_GROWTH_BYTES)
    return findings


async def _post_all(stage: Stage, requests: Iterator[RecordedRequest]) -> None:
    for request in requests:
        await stage.post(request)


FAULT = Fault(
    name="flood",
    what=f"thousands of webhooks of one wearer over {_CONNECTIONS} connections at once",
    promise="No input takes the server down or another user's data out; what is not kept is said",
    allowed="part of the flood is dropped with the header; memory grows by less than 50 MiB; all others are kept",
    inject=_inject,
    # with the reply deadline that servers have: others may have to wait, and are not to be dropped for that
    settings={"WEBHOOK_REPLY_DEADLINE_MS": "12000"},
)
