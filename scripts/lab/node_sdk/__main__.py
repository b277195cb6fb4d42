"""OpenAI's SDK for Node.js against `/v1` of a server that is started for it: run it by scripts/node_sdk.

It needs Node.js and npm, and fetches the SDK from npm's registry into a temporary folder.
Not here: the conversation (talk.mjs). Threads: one event loop; the fake model has a thread of its own.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from omi_actors.clock import SystemClock
from scripts.lab.replay.fake_openai_process import run_fake_openai
from scripts.lab.replay.http import HttpClient, Target
from scripts.lab.replay.server_process import build_server

# The newest release for the Node.js that distributions ship.
_SDK = "openai@6"
_TALK = Path(__file__).with_name("talk.mjs")
# Pieces of the call of a tool, as a model streams them.
_CALL = [
    {"index": 0, "id": "call_1", "type": "function", "function": {"name": "light", "arguments": ""}},
    {"index": 0, "function": {"arguments": '{"on":'}},
    {"index": 0, "function": {"arguments": "true}"}},
]
_INSTALL_S, _TALK_S = 120, 60


async def _main() -> int:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        print("node and npm are needed", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="omi-node-") as folder, run_fake_openai() as fake:
        work_dir = Path(folder)
        install = [npm, "install", "--prefix", folder, "--no-audit", "--no-fund", "--silent", _SDK]
        await asyncio.to_thread(subprocess.run, install, check=True, timeout=_INSTALL_S)
        shutil.copy(_TALK, work_dir)
        fake.tool_calls = _CALL
        fake.usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
        server, target = build_server(work_dir, clock=SystemClock(), model_url=fake.url)
        await server.start()
        try:
            token = await _register(target)
            told = {"OMI_URL": f"http://127.0.0.1:{target.port}/v1", "OMI_TOKEN": token}
            talk = [node, str(work_dir / _TALK.name)]
            environment = {"PATH": os.environ["PATH"], **told}
            done = await asyncio.to_thread(
                subprocess.run, talk, cwd=folder, env=environment, timeout=_TALK_S, check=False
            )
            return done.returncode
        finally:
            await server.stop()


async def _register(target: Target) -> str:
    form = {"email": "ada@example.com", "password": "a long password"}
    async with HttpClient(target.host, target.port, timeout_s=10.0) as http:
        reply = await http.request("POST", "/auth/register", body=json.dumps(form).encode())
    return str(json.loads(reply.body)["session_token"])


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
