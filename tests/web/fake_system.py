"""A system for tests of the web: settles at once, later, or not at all; remembers what it was told."""

from collections import deque
from typing import Any

from omi_actors.actors.messages import Ingested
from omi_actors.kit.future import Future
from omi_actors.looks.look import Look


class FakeSystem:
    def __init__(self):
        self.ready = True
        self.status = "pass"
        self.told = []  # IngestSegments and KeepRaw, in the order of their coming
        self.timeouts = []
        self.sent = []  # ReplySent
        self.outcomes: deque[Any] = deque()  # per message: an Ingested, an exception, or None for "settled by the test"
        self.open = []  # futures that the test settles
        self.transcripts = {}
        self.asked = []
        self.looks = None  # a Look instead of an empty one
        self.on_told = None
        self.on_sent = None

    def ingest(self, message, *, timeout_s):
        return self._take(message, timeout_s)

    def keep_raw(self, message, *, timeout_s):
        return self._take(message, timeout_s)

    def reply_sent(self, message):
        self.sent.append(message)
        if self.on_sent is not None:
            self.on_sent()

    def load_transcript(self, session_key, *, after_seq, limit):
        self.asked.append((session_key, after_seq, limit))
        found = self.transcripts.get(session_key)
        future: Future[Any] = Future()
        if isinstance(found, Exception):
            future.try_fail(found)
        else:
            future.try_set(found)
        return future

    def health(self):
        return {
            "status": self.status,
            "ready": self.ready,
            "version": "1.2.3",
            "uptime": 12.5,
            "memory": {"rss": 4096},
            "sessions": 7,
            "checks": {
                "store": {"status": self.status, "note": "a note for the operator", "read_seconds": 0.5},
                "model": {"status": "warn", "provider": "demo", "model": "demo-echo"},
            },
            "features": {"metrics": "on"},
            "database": {"kind": "sqlite", "status": self.status},
            "settings": {"log_level": "info"},
        }

    def figures(self):
        return {"requests": {"total": 3, "success": 2, "failed": 1}, "activeRequests": 1}

    def look(self):
        return self.looks or Look(status=self.status, checks={"store": self.status}, troubles=(), tables=())

    @property
    def texts(self):
        return [segment.text for message in self.told for segment in getattr(message, "segments", ())]

    def _take(self, message, timeout_s):
        self.told.append(message)
        self.timeouts.append(timeout_s)
        future: Future[Any] = Future()
        outcome = self.outcomes.popleft() if self.outcomes else Ingested()
        if outcome is None:
            self.open.append(future)
        elif isinstance(outcome, Exception):
            future.try_fail(outcome)
        else:
            future.try_set(outcome)
        if self.on_told is not None:
            self.on_told()
        return future
