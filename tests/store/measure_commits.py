"""Prints the CPU time that a commit of one segment costs on the writer's thread, all in, by group size.

Run: python -m tests.store.measure_commits [sqlite folder or postgres URL] [sessions]
"""

import random
import sys
import tempfile
import time
import uuid
from pathlib import Path

from msgspec.structs import replace

from omi_actors.domain.sessions.records import SessionCommit
from omi_actors.kit.future import Future
from omi_actors.kit.handle import Handle
from omi_actors.kit.messages import Envelope
from omi_actors.kit.spec import ChildSpec
from omi_actors.kit.testing import ManualRuntime
from omi_actors.store.actors import StoreWriter
from omi_actors.store.engine import StoreConfig
from omi_actors.store.messages import CommitSession
from omi_actors.store.transaction import NodeIdentity
from tests.store.builders import first_commit, segment

_COMMITS_PER_SIZE = 6_400


def build_writer(target: str) -> StoreWriter:
    """An opened writer that the calling thread drives by hand."""
    is_url = "://" in target
    config = StoreConfig(url=target if is_url else "", data_dir=Path("unused" if is_url else target))
    writer = StoreWriter(config, NodeIdentity("measure"), Future(), lease_s=60, max_deliveries=3)
    writer.attach(Handle(ChildSpec("store_writer", "store_writer", lambda: writer), ManualRuntime()))
    writer.on_start()
    return writer


def store(writer: StoreWriter, commits: list[SessionCommit]) -> tuple[float, float]:
    """Store one group; return its CPU and wall seconds."""
    envelopes = [Envelope(CommitSession(commit), Future(), None) for commit in commits]
    wall, cpu = time.perf_counter(), time.thread_time()
    writer.receive_batch(envelopes)
    spent = time.thread_time() - cpu, time.perf_counter() - wall
    for envelope in envelopes:
        assert envelope.reply_to is not None
        envelope.reply_to.result()
    return spent


def next_turn(turns: dict[str, SessionCommit], session: str) -> SessionCommit:
    """The session's next turn: one segment of ordinary length."""
    before = turns[session]
    seq = before.last_seq + 1
    heard = segment(
        seq,
        session=session,
        key=str(uuid.uuid4()),
        conversation_id=before.conversation_id,
        text="and then we said that the meeting should rather be on Thursday, after lunch",
    )
    turn = replace(before, epoch_before=1, new_conversation=None, segments=(heard,), last_seq=seq)
    turns[session] = turn
    return turn


def measure(target: str, sessions: int) -> None:
    writer = build_writer(target)
    turns = {name: first_commit(name, segments=()) for name in (str(uuid.uuid4()) for _ in range(sessions))}
    firsts = list(turns.values())
    for start in range(0, sessions, 256):
        store(writer, firsts[start : start + 256])
    names = list(turns)
    for size in (1, 16, 64, 256):
        groups = max(1, _COMMITS_PER_SIZE // size // (4 if size == 1 else 1))
        picked = [random.sample(names, size) for _ in range(groups)]
        spent = [store(writer, [next_turn(turns, name) for name in group]) for group in picked]
        cpu_us, wall_us = (sum(column) / groups / size * 1e6 for column in zip(*spent, strict=True))
        print(f"group of {size:3}: {cpu_us:6.1f} µs CPU, {wall_us:6.1f} µs wall per commit")  # noqa: T201 (its output)
    writer.on_stop()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        measure(sys.argv[1] if len(sys.argv) > 1 else folder, int(sys.argv[2]) if len(sys.argv) > 2 else 1_000)
