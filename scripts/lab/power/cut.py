"""Power cuts: choose the moments, rebuild what the disk has then, open it with the program's own store, and judge it.

Not here: the recording (record.py), the disk (disk.py). Threads: any; it blocks.
"""

import multiprocessing
import random
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec

from config.env_file import load_env_file
from config.secrets_file import FILE_NAME as SECRETS
from omi_actors.errors import StoreError
from omi_actors.store.engine import Engine, StoreConfig
from omi_actors.store.transaction import NodeIdentity, Transaction
from scripts.lab.power.disk import Disk, Unsynced
from scripts.lab.power.record import Recording
from scripts.lab.power.trace import Synced
from scripts.lab.replay.deliveries import AGAIN
from scripts.lab.replay.judge import (
    Kept,
    KeptDelivery,
    KeptMessage,
    KeptSegment,
    Promised,
    judge,
    merge_promises,
    words_of,
)
from web.edge.operator_sessions import FILE_NAME as SESSIONS

_SEGMENTS = "SELECT session.uid, key, text FROM transcript_segment JOIN session ON session.id = session_id"
_MESSAGES = (
    "SELECT session.uid, role, message.kind, text, COALESCE(message.job_id, ''), COALESCE(delivery.state, ''),"
    " COALESCE(delivery.channel, ''), COALESCE(job.state, '')"
    " FROM message JOIN session ON session.id = message.session_id"
    " LEFT JOIN delivery ON delivery.message_id = message.id LEFT JOIN job ON job.job_id = message.job_id"
)
_MEMORIES = "SELECT text FROM memory"
# States of a job that will end with an answer, and of an answer that will be sent as if it never was.
_AT_WORK = ("ready", "running")
_UNSENT = ("pending", "kept")
# Of the cuts, those beside a sync, and those right after a promise; the others are anywhere.
_BESIDE_SYNC, _AFTER_PROMISE = 0.5, 0.25


class Cut(NamedTuple):
    """A power cut after the first `at` events. The seed decides what is torn."""

    at: int
    unsynced: Unsynced
    seed: int


# Kinds of broken promises.
KINDS = ("lost", "stored_twice", "came_back", "said_again", "unopened")


@dataclass(slots=True)
class Finding:
    """Broken promises after one cut, by kind; empty lists if all were kept."""

    cut: Cut
    lost: list[str] = field(default_factory=list)
    stored_twice: list[str] = field(default_factory=list)
    came_back: list[str] = field(default_factory=list)
    said_again: list[str] = field(default_factory=list)
    unopened: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Return True if no promise was broken."""
        return not any(getattr(self, kind) for kind in KINDS)


def choose_cuts(recording: Recording, count: int, seed: int) -> list[Cut]:
    """Return cuts in the order of their moments: beside syncs, after promises, and anywhere."""
    rng = random.Random(seed)  # noqa: S311 (moments of a test)
    syncs = [number for number, event in enumerate(recording.events) if isinstance(event, Synced)]
    promised = (recording.promised, recording.spoken, recording.memories)
    promises = [one[0] for some in promised for one in some]
    cuts = []
    for number in range(count):
        draw = rng.random()
        if draw < _BESIDE_SYNC:
            at = rng.choice(syncs) + rng.randint(0, 1)
        elif draw < _BESIDE_SYNC + _AFTER_PROMISE:
            at = rng.choice(promises) + 1
        else:
            at = rng.randint(0, len(recording.events))
        cuts.append(Cut(at, list(Unsynced)[number % len(Unsynced)], rng.getrandbits(32)))
    return sorted(cuts)


def play(recording: Recording, cuts: Sequence[Cut]) -> Iterator[Finding]:
    """Play the cuts, which are in the order of their moments."""
    disk = Disk(recording.root)
    events, done = iter(recording.events), 0
    for cut in cuts:
        for event in islice(events, cut.at - done):
            disk.apply(event)
        done = cut.at
        with tempfile.TemporaryDirectory(prefix="power-cut-", dir=_find_memory()) as folder:
            disk.cut(Path(folder), cut.unsynced, random.Random(cut.seed))  # noqa: S311 (see above)
            yield _judge(recording, cut, Path(folder) / "data")


def play_beside(recording: Recording, cuts: Sequence[Cut], workers: int) -> list[Finding]:
    """Play the cuts in this many processes; return what they found, in the order of the cuts."""
    global _shared  # noqa: PLW0603 (forked processes have it; to send it to them would take as long as the cuts)
    _shared = recording
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        found = pool.map(_play_share, [cuts[first::workers] for first in range(workers)], chunksize=1)
    return sorted((one for share in found for one in share), key=lambda one: one.cut)


_shared: Recording | None = None


def _play_share(cuts: Sequence[Cut]) -> list[Finding]:
    assert _shared is not None  # noqa: S101 (set before the fork)
    return list(play(_shared, cuts))


def _find_memory() -> str | None:
    """Return the folder of files in memory, if there is one with room: what is rebuilt need not be synced."""
    memory = Path("/dev/shm")  # noqa: S108 (a folder of random name is made in it)
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > _ROOM_BYTES else None


_ROOM_BYTES = 500_000_000


def _judge(recording: Recording, cut: Cut, data: Path) -> Finding:
    finding = Finding(cut)
    _judge_files(finding, recording, data)
    engine = Engine(StoreConfig(url="", data_dir=data), NodeIdentity("after-the-cut"))
    try:
        engine.open()
        kept, at_work = engine.read(_load)
        memories = Counter(text for (text,) in engine.read(lambda tx: tx.fetch(_MEMORIES)))
        finding.unopened += engine.read(_find_damage)
    except StoreError as error:
        finding.unopened.append(str(error))
        return finding
    finally:
        engine.close()
    promised = merge_promises(promise for number, promise in recording.promised if number < cut.at)
    _judge_promises(finding, promised, kept, at_work)
    _judge_memories(finding, recording, memories)
    for number, uid, text in recording.spoken:
        if number < cut.at:
            _judge_spoken(finding, uid, text.removeprefix(AGAIN), kept.get(uid, Kept((), ())).messages)
    return finding


def _judge_files(finding: Finding, recording: Recording, data: Path) -> None:
    """Judge the files beside the database: each is as it was at one moment, and what was acknowledged is in it."""
    secrets = data / SECRETS
    if secrets.exists():
        if load_env_file(secrets).values != recording.secrets:
            finding.unopened.append(SECRETS)
    elif finding.cut.at > recording.first_reply:
        finding.lost.append(SECRETS)
    sessions = data / SESSIONS
    try:
        count = len(msgspec.json.decode(sessions.read_bytes(), type=dict[str, float])) if sessions.exists() else 0
    except msgspec.MsgspecError:
        finding.unopened.append(SESSIONS)
        return
    signed_in = sum(number < finding.cut.at for number in recording.signed_in)
    if count < signed_in:
        finding.lost.append(f"{SESSIONS}: {count} of {signed_in} sign-ins")


def _find_damage(tx: Transaction) -> list[str]:
    damage = [row[0] for row in tx.fetch("PRAGMA integrity_check") if row[0] != "ok"]
    return [*damage, *(f"a row of {row[0]} has no parent" for row in tx.fetch("PRAGMA foreign_key_check"))]


def _load(tx: Transaction) -> tuple[dict[str, Kept], set[str]]:
    """Load everything by its wearer, and the ids of jobs that will end with an answer."""
    segments: defaultdict[str, list[KeptSegment]] = defaultdict(list)
    messages: defaultdict[str, list[KeptMessage]] = defaultdict(list)
    at_work = set()
    for uid, key, text in tx.fetch(_SEGMENTS):
        segments[uid].append(KeptSegment(key, text))
    for uid, role, kind, text, job_id, state, channel, job_state in tx.fetch(_MESSAGES):
        messages[uid].append(KeptMessage(role, kind, text, job_id, KeptDelivery(state, channel) if state else None))
        if job_state in _AT_WORK:
            at_work.add(job_id)
    return {uid: Kept(segments[uid], messages[uid]) for uid in {*segments, *messages}}, at_work


def _judge_promises(finding: Finding, promised: dict[str, Promised], kept: dict[str, Kept], at_work: set[str]) -> None:
    verdict = judge(promised, kept)
    finding.lost += verdict.lost
    finding.stored_twice += [*verdict.stored_twice, *verdict.answered_twice]
    for name in verdict.unanswered:
        uid, _, question = name.partition("/")
        asked = words_of(question)
        messages = kept.get(uid, Kept((), ())).messages
        if not any(one.role == "user" and one.job_id in at_work and asked.search(one.text) for one in messages):
            finding.lost.append(name)


def _judge_memories(finding: Finding, recording: Recording, memories: Counter[str]) -> None:
    """Judge a person's memories. One that is deleted in this recording may be gone before that is acknowledged."""
    deleted = {text for _, text, is_kept in recording.memories if not is_kept}
    for number, text, is_kept in recording.memories:
        if number >= finding.cut.at:
            return
        if is_kept and text not in deleted and not memories[text]:
            finding.lost.append(text)
        if memories[text] > 1:
            finding.stored_twice.append(text)
        if not is_kept and memories[text]:
            finding.came_back.append(text)


def _judge_spoken(finding: Finding, uid: str, text: str, messages: Sequence[KeptMessage]) -> None:
    answers = [one for one in messages if one.role == "assistant" and one.text == text]
    if not answers:
        finding.lost.append(f"{uid}/{text}")
    elif all(one.delivery is None or one.delivery.state in _UNSENT for one in answers):
        finding.said_again.append(f"{uid}/{text}")
