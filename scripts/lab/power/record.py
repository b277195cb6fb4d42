"""Recording: a server under load on SQLite, traced. It is stopped, started again and killed, so starts are in it, too.

Not here: the trace (trace.py), the cuts (cut.py). Threads: one event loop.
"""

import asyncio
import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec

from config.env_file import load_env_file
from config.secrets_file import FILE_NAME as SECRETS
from omi_actors.clock import SystemClock
from scripts.lab.power.person import DELETES, ID_HEADER, KEEPS, Person
from scripts.lab.power.trace import Event, Sent, Synced, TraceError, build_strace, read_trace
from scripts.lab.replay.accept_log import Promise, build_promise
from scripts.lab.replay.fake_omi import FakeOmi
from scripts.lab.replay.fake_openai import Mode
from scripts.lab.replay.fake_openai_process import spawn_fake_openai
from scripts.lab.replay.generator import ConversationGenerator
from scripts.lab.replay.http import HttpClient, Target
from scripts.lab.replay.kill_test import KILL_SETTINGS
from scripts.lab.replay.recording import RecordedRequest
from scripts.lab.replay.sender import DROPPED_HEADER, Sender
from scripts.lab.replay.server_process import SERVE, build_server

# Of the webhooks, those after the restart.
_AFTER_RESTART = 0.25
# Of the webhooks of the run that is killed, those with a reply before.
_BEFORE_KILL = 0.8
_MODEL_DELAY_S = 0.05
_USERS = 40
_SIGN_IN = "sign-in"
_REPLY_ID = re.compile(rb"\r\nX-Request-Id: (\S+)", re.IGNORECASE)
_NOTIFICATION = re.compile(rb"POST /v2/integrations/[^/]+/notification\?(\S+) HTTP")
# A traced start takes several times as long; then seconds until strace has written its last line, and between looks.
_START_WITHIN_S, _TRACED_WITHIN_S, _POLL_S = 120.0, 30.0, 0.02
_TAIL_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """Webhooks of one recording. Unless it `starts_again`, the server runs once, and is killed at the end."""

    webhooks: int = 4_000
    rate_per_s: float = 100.0
    seed: int = 1
    starts_again: bool = True


@dataclass(slots=True)
class Recording:
    """Events of a run in their order, and what the server promised by them, each with the number of its event.

    `promised` are acknowledged webhooks; `spoken` are uid and text of answers that left; `signed_in` are the operator's
    acknowledged sign-ins; `memories` were kept, or deleted (False). `first_reply` is the number of the first reply to
    anybody, `secrets` what was made then.
    """

    root: Path
    events: list[Event] = field(default_factory=list)
    promised: list[tuple[int, Promise]] = field(default_factory=list)
    spoken: list[tuple[int, str, str]] = field(default_factory=list)
    signed_in: list[int] = field(default_factory=list)
    memories: list[tuple[int, str, bool]] = field(default_factory=list)
    first_reply: int = 0
    secrets: Mapping[str, str] = field(default_factory=dict)


class Recorder:
    """Runs a server with `command` twice on the same data in `work_dir`, loads it, and records what it does."""

    def __init__(self, plan: LoadPlan, work_dir: Path, *, command: Sequence[str] = SERVE) -> None:
        self._plan = plan
        self._work_dir = work_dir.resolve()
        self._command = command
        self._clock = SystemClock()
        self._data = self._work_dir / "disk" / "data"
        self._sent: dict[str, RecordedRequest] = {}
        self._target: Target | None = None
        self._person = Person()
        self._recording = Recording(self._data.parent)

    async def record(self) -> Recording:
        """Return what the server did.

        Raises: TraceError, ServerFailedError
        """
        plan = self._plan
        self._data.parent.mkdir()
        traffic = ConversationGenerator(seed=plan.seed, users=_USERS, rate_per_s=plan.rate_per_s)
        later = int(plan.webhooks * _AFTER_RESTART)
        before, after = traffic.take(plan.webhooks - later), traffic.take(later)
        # Some webhooks come again, as after a lost reply.
        again = [msgspec.structs.replace(request, at_s=0.0) for request in before[-later // 4 :]]
        omi = FakeOmi()
        listening = omi.listen()
        try:
            with spawn_fake_openai(Mode.DELAY, delay_s=_MODEL_DELAY_S) as model_url:
                settings = {**KILL_SETTINGS, **omi.settings, "OMI_NOTIFY_VERSION": "v2", "DATA_DIR": str(self._data)}
                # The server makes its own ADMIN_TOKEN, in a file.
                settings["ADMIN_TOKEN"] = ""
                if plan.starts_again:
                    await self._run(before, settings, model_url, is_killed=False)
                    await self._run([*again, *after], settings, model_url, is_killed=True)
                else:
                    await self._run([*before, *after], settings, model_url, is_killed=True)
        finally:
            listening.stop()
            await listening.close_all_connections()
        self._recording.secrets = load_env_file(self._data / SECRETS).values
        self._note_promises(omi_port=urlsplit(omi.url).port or 0)
        return self._recording

    async def _run(
        self, requests: Sequence[RecordedRequest], settings: Mapping[str, str], model_url: str, *, is_killed: bool
    ) -> None:
        """Start, send, and end: by SIGTERM, or by SIGKILL while replies are on their way."""
        trace = self._work_dir / "trace"
        command = (*build_strace(trace), *self._command)
        server, target = build_server(
            self._work_dir, clock=self._clock, model_url=model_url, command=command, extra=settings, like=self._target
        )
        self._target = target
        try:
            await server.start(ready_within_s=_START_WITHIN_S)
            pid = server.pid
            await self._sign_in(target)
            living = asyncio.create_task(self._person.live(target))
            sender = Sender(target, clock=self._clock)
            sending = asyncio.create_task(sender.send([self._name(request) for request in requests]))
            if is_killed:
                # While replies are on their way, however busy the machine is.
                while len(sender.outcomes) < _BEFORE_KILL * len(requests):  # noqa: ASYNC110 (no event comes)
                    await asyncio.sleep(_POLL_S)
                server.kill()
                await sending
            else:
                await sending
                living.cancel()
                server.send_signal(signal.SIGTERM)
                await server.wait(within_s=60.0)
        finally:
            server.kill()
        await self._wait_for_end(trace, pid)
        begin = len(self._recording.events)
        self._recording.events += [_shift(event, begin) for event in read_trace(trace, self._recording.root)]
        trace.unlink()

    def _name(self, request: RecordedRequest) -> RecordedRequest:
        """Give a request an id, by which its reply is found in the trace."""
        name = f"power-{len(self._sent)}"
        self._sent[name] = msgspec.structs.replace(request, headers={**request.headers, ID_HEADER: name})
        return self._sent[name]

    async def _sign_in(self, target: Target) -> None:
        """Sign a browser in as the operator."""
        token = load_env_file(self._data / SECRETS).values["ADMIN_TOKEN"]
        async with HttpClient(target.host, target.port) as http:
            headers = {"Authorization": f"Bearer {token}"}
            link = msgspec.json.decode((await http.request("POST", "/operator/links", headers=headers)).body)
            await http.request("GET", link["path"], headers={ID_HEADER: _SIGN_IN})

    async def _wait_for_end(self, trace: Path, pid: int) -> None:
        """Wait until strace has seen the end of the process."""
        last = re.compile(rb"^%d +\+\+\+ " % pid, re.MULTILINE)
        deadline_mono_s = self._clock.mono_s() + _TRACED_WITHIN_S
        while not last.search(_read_tail(trace)):
            if self._clock.mono_s() > deadline_mono_s:
                raise TraceError(f"strace has not written the end of process {pid}")
            await asyncio.sleep(_POLL_S)

    def _note_promises(self, omi_port: int) -> None:
        recording = self._recording
        mine = f":{self._target.port}" if self._target else ""
        for number, event in enumerate(recording.events):
            if not isinstance(event, Sent):
                continue
            if event.local.endswith(mine):
                self._note_reply(number, event.data)
            elif event.remote.endswith(f":{omi_port}") and (query := _read_query(event.data)):
                recording.spoken.append((number, query["uid"][0], query["message"][0]))

    def _note_reply(self, number: int, data: bytes) -> None:
        head, _, body = data.partition(b"\r\n\r\n")
        found = _REPLY_ID.search(head)
        recording = self._recording
        recording.first_reply = recording.first_reply or number
        if found is None:
            return
        name = found[1].decode()
        if name.startswith((KEEPS, DELETES)) and head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
            recording.memories.append((number, name.replace(DELETES, KEEPS), name.startswith(KEEPS)))
        if name == _SIGN_IN and head.startswith(b"HTTP/1.1 303"):
            recording.signed_in.append(number)
        request = self._sent.get(name)
        if request is None or not head.startswith(b"HTTP/1.1 200") or DROPPED_HEADER.encode() in head.lower():
            return
        promise = build_promise(request)
        recording.promised.append((number, promise))
        if message := msgspec.json.decode(body).get("message"):
            recording.spoken.append((number, promise.uid, message))


def _shift(event: Event, by: int) -> Event:
    return event._replace(covers=event.covers + by) if isinstance(event, Synced) else event


def _read_tail(file: Path) -> bytes:
    with file.open("rb") as trace:
        trace.seek(max(0, file.stat().st_size - _TAIL_BYTES))
        return trace.read()


def _read_query(data: bytes) -> dict[str, list[str]] | None:
    """Return the query of a notification; None if the bytes are not the beginning of one."""
    found = _NOTIFICATION.match(data)
    return None if found is None else parse_qs(found[1].decode())
