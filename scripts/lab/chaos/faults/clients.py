"""Faults of clients: thousands of webhooks of one wearer, and connections that never finish a request.

Not here: load by many wearers (bench/). Threads: one event loop.
"""

import asyncio
from collections.abc import Iterator
from contextlib import suppress

from scripts.lab.bench.machine import read_footprint
from scripts.lab.chaos.fault import Fault, Findings
from scripts.lab.chaos.stage import Stage
from scripts.lab.replay.generator import ConversationGenerator
from scripts.lab.replay.recording import RecordedRequest

# Connections of the flooding client.
_CONNECTIONS = 200
# Seed of the flood, apart from those of other people.
_SEED = 1_000_003
_MOST_GROWTH_BYTES = 50 * 1024 * 1024


async def _flood(stage: Stage) -> Findings:
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


FLOOD = Fault(
    name="flood",
    what=f"thousands of webhooks of one wearer over {_CONNECTIONS} connections at once",
    promise="No input takes the server down or another user's data out; what is not kept is said",
    allowed="part of the flood is dropped with the header; memory grows by less than 50 MiB; all others are kept",
    inject=_flood,
    # With the default reply deadline, since others may have to wait, and must not be dropped for that.
    settings={"WEBHOOK_REPLY_DEADLINE_MS": "12000"},
)


# Limits of the server in this run, and the allowed delay of closing.
_TIMEOUT_S = 3.0
_CLOSED_WITHIN_S = 3.0
_DRIP_S = 0.5
_HALF_HEADERS = b"POST /omi-webhook?uid=loris HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
_HALF_BODY = b"POST /omi-webhook?uid=loris HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000\r\n\r\n{"


async def _stall(stage: Stage) -> Findings:
    before = len(stage.traffic.attempts)
    begins = [_HALF_BODY if number % 3 == 0 else _HALF_HEADERS for number in range(stage.sizes.loris_connections)]
    closed = await asyncio.gather(*(_dawdle(stage, begin) for begin in begins))
    stage.note_end()
    others_ms = stage.measure_others_ms(before)
    findings = Findings(
        figures={
            "connections": len(closed),
            "closed_in_time": sum(closed),
            "others_p99_ms": others_ms,
        }
    )
    findings.demand(f"{closed.count(False)} connections were not closed in time", holds=all(closed))
    return findings


async def _dawdle(stage: Stage, begin: bytes) -> bool:
    """Begin a request, then send single bytes slowly; return True when the server closed the connection in time."""
    reader, writer = await asyncio.open_connection(stage.target.host, stage.target.port)
    dripping = asyncio.create_task(_drip(writer, begin))
    try:
        async with asyncio.timeout(_TIMEOUT_S + _CLOSED_WITHIN_S):
            with suppress(ConnectionError):
                await reader.read()
    except TimeoutError:
        return False
    finally:
        dripping.cancel()
        writer.close()
    return True


async def _drip(writer: asyncio.StreamWriter, begin: bytes) -> None:
    with suppress(ConnectionError):
        writer.write(begin)
        while True:
            await writer.drain()
            await asyncio.sleep(_DRIP_S)
            writer.write(b"a")


SLOW_LORIS = Fault(
    name="slow_loris",
    what="300 connections that send half a request, then a byte now and then",
    promise="No input takes the server down",
    allowed="all are closed within the timeouts; other users notice nothing",
    inject=_stall,
    settings={
        "IDLE_CONNECTION_TIMEOUT_MS": str(round(_TIMEOUT_S * 1000)),
        "BODY_TIMEOUT_MS": str(round(_TIMEOUT_S * 1000)),
    },
)
