"""A server that keeps webhooks in a file, and can be told to break its promises: what the kill test must notice.

Reads PORT and DATA_DIR. Arguments name its faults: `lose` acknowledges one webhook in ten without keeping it,
`twice` keeps one in ten twice, `mute` answers no question, `repeat` answers each twice, `silent` gives no answer that
it has, `echo` gives each in two replies.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, ClassVar

import tornado.web

FAULT_EVERY = 10


class Keeper:
    """Rows in a file: each is one write call, so the process's death cannot tear or lose one that was returned from."""

    def __init__(self, file: Path, faults: set[str]) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self.faults = faults
        self.rows: list[dict[str, Any]] = []
        if file.exists():
            self.rows = [json.loads(line) for line in file.read_bytes().splitlines()]
        self._known = {(row["uid"], row["id"]) for row in self.rows}
        self._out = file.open("ab", buffering=0)
        self._count = 0

    def keep(self, uid: str, segments: list[dict[str, Any]]) -> None:
        """Keep the segments that are new."""
        self._count += 1
        is_faulty = self._count % FAULT_EVERY == 0
        if is_faulty and "lose" in self.faults:
            return
        fresh = [segment for segment in segments if (uid, segment["id"]) not in self._known]
        rows = [{"uid": uid, "id": segment["id"], "text": segment["text"]} for segment in fresh]
        if is_faulty and "twice" in self.faults:
            rows *= 2
        self._known |= {(uid, segment["id"]) for segment in fresh}
        self.rows += rows
        self._out.write("".join(json.dumps(row) + "\n" for row in rows).encode())

    def answers(self, uid: str) -> list[dict[str, Any]]:
        """Return the answers to all questions that were kept: made when they are read, so they are never lost."""
        if "mute" in self.faults:
            return []
        asked = [row["text"] for row in self.rows if row["uid"] == uid and "Hey Omi" in row["text"]]
        roles = ["user", "assistant", "assistant"] if "repeat" in self.faults else ["user", "assistant"]
        given = {"state": "sent", "channel": "inline"}
        return [
            {"role": role, "kind": "", "text": text, "jobId": text, "delivery": given if role == "assistant" else None}
            for text in asked
            for role in roles
        ]


class Webhook(tornado.web.RequestHandler):
    # By wearer, what `echo` says once more.
    echoes: ClassVar[dict[str, str]] = {}

    def initialize(self, keeper: Keeper) -> None:
        self.keeper = keeper

    def post(self) -> None:
        uid, segments = self.get_query_argument("uid"), json.loads(self.request.body)["segments"]
        self.keeper.keep(uid, segments)
        asked = next((segment["text"] for segment in segments if "Hey Omi" in segment["text"]), "")
        faults = self.keeper.faults
        message = asked or self.echoes.pop(uid, "")
        if asked and "echo" in faults:
            self.echoes[uid] = asked
        if not message or "silent" in faults:
            self.finish({})
        else:
            self.finish({"message": message})


class TranscriptOf(tornado.web.RequestHandler):
    def initialize(self, keeper: Keeper) -> None:
        self.keeper = keeper

    def get(self, uid: str) -> None:
        after, limit = int(self.get_query_argument("after")), int(self.get_query_argument("limit"))
        rows = [row for row in self.keeper.rows if row["uid"] == uid]
        page = [{"segmentId": row["id"], "text": row["text"]} for row in rows[after : after + limit]]
        next_after = after + limit if after + limit < len(rows) else None
        self.finish({"transcripts": page, "messages": self.keeper.answers(uid), "nextAfter": next_after})


class Ready(tornado.web.RequestHandler):
    def get(self) -> None:
        self.finish({"status": "ready"})


async def main() -> None:
    keeper = Keeper(Path(os.environ["DATA_DIR"]) / "rows.jsonl", set(sys.argv[1:]))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    given = {"keeper": keeper}
    tornado.web.Application(
        [("/omi-webhook", Webhook, given), ("/transcript/(.*)", TranscriptOf, given), ("/readyz", Ready)],
        log_function=lambda _: None,
    ).listen(int(os.environ["PORT"]), "127.0.0.1")
    await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
