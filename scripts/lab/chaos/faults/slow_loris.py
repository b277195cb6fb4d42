"""Fault: hundreds of connections that never finish their headers or their body.

Not here: how connections are limited (web/). Threads: one event loop.
"""

import asyncio
from contextlib import suppress

from scripts.lab.chaos.fault import Fault, Findings
from scripts.lab.chaos.stage import Stage

# The server's limits in this run, and what closing may take beyond them.
_TIMEOUT_S = 3.0
_LATE_S = 3.0
_DRIP_S = 0.5
_HALF_HEADERS = b"POST /omi-webhook?uid=loris HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
_HALF_BODY = b"POST /omi-webhook?uid=loris HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000\r\n\r\n{"


async def _inject(stage: Stage) -> Findings:
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
    """Begin a request, then send a byte now and then; tell whether the server closed the connection in time."""
    reader, writer = await asyncio.open_connection(stage.target.host, stage.target.port)
    dripping = asyncio.create_task(_drip(writer, begin))
    try:
        async with asyncio.timeout(_TIMEOUT_S + _LATE_S):
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


FAULT = Fault(
    name="slow_loris",
    what="300 connections that send half a request, then a byte now and then",
    promise="No input takes the server down",
    allowed="all are closed within the timeouts; everybody else notices nothing",
    inject=_inject,
    settings={
        "IDLE_CONNECTION_TIMEOUT_MS": str(round(_TIMEOUT_S * 1000)),
        "BODY_TIMEOUT_MS": str(round(_TIMEOUT_S * 1000)),
    },
)
