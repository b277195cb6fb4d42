"""Fault: replies that are lost on their way, after the server has done what it was asked.

Not here: the proxy (proxy.py). Threads: one event loop.
"""

import asyncio

from scripts.lab.chaos.fault import Fault, Findings, Rules
from scripts.lab.chaos.stage import Stage

_LOSE_EVERY = 4


async def _inject(stage: Stage) -> Findings:
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


FAULT = Fault(
    name="reply_lost",
    what="one reply in four is lost: cut after the request has gone through, or taken from the wire",
    promise="Nothing is stored twice though senders come again; a question is answered once",
    allowed="an answer in a reply that was taken from the wire is only in the transcript: no server can know",
    inject=_inject,
    rules=Rules(unreachable=True),
    has_proxy=True,
)
