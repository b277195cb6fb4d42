"""Feeds: what is new in an account's conversations, read once for all of its open event streams.

A session's hint, from this node or another one, wakes the feed of its account. One query then loads what is new, for
all readers. A message may be stored some time after it was made, so each look goes back a minute, and messages that
were sent are left out.
Not here: the HTTP stream (web/people/stream.py), the hints (omi_actors/actors/session/watchers.py).
Threads: the event loop.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from omi_actors.clock import Clock
from omi_actors.domain.answers.budget import owner_of
from omi_actors.domain.people.conversations import Position, position_of
from omi_actors.domain.sessions.keys import account_prefix
from omi_actors.domain.sessions.records import StoredMessage
from omi_actors.errors import RateLimitedError
from omi_actors.instruments.logs import get_logger
from omi_actors.kit.errors import ExpectedError
from omi_actors.store.people.conversations import News, load_news
from omi_actors.system import System

_log = get_logger(__name__)

# Seconds that each look goes back.
_OVERLAP_S = 60.0
# Messages of one query, and of one resumed stream: with more, the client must load them itself.
_QUERY, _RESUMED = 200, 1_000
# Events that wait for a slow reader. Beyond them its stream ends, and it resumes by the last event's id.
_MAX_WAITING = 100
_NO_ID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """New messages, or else a change of the current conversation, or else the begin of the stream.

    A stream that has sent the event resumes at its `position`.
    """

    position: Position
    messages: tuple[StoredMessage, ...] = ()
    conversation_id: str | None = None


class Reader:
    """The events for one stream, until it ends."""

    def __init__(self) -> None:
        self._waiting: deque[FeedEvent] = deque()
        # Events that came before the first ones, which are being loaded; None afterwards.
        self._held: list[FeedEvent] | None = []
        self._has_news = asyncio.Event()
        self.is_ended = False

    def add(self, event: FeedEvent) -> None:
        """Add an event, unless the stream has ended. With too many, it ends."""
        if self.is_ended:
            return
        if self._held is not None:
            self._held.append(event)
            return
        self._waiting.append(event)
        if len(self._waiting) > _MAX_WAITING:
            self.end()
        self._has_news.set()

    def greet(self, *first: FeedEvent) -> None:
        """Add the first events. Those that came meanwhile follow, without messages that the first ones have."""
        held, self._held = self._held or [], None
        known = {one.message_id for event in first for one in event.messages}
        for event in first:
            self.add(event)
        for event in held:
            news = tuple(one for one in event.messages if one.message_id not in known)
            if news or not event.messages:
                self.add(replace(event, messages=news))

    def end(self) -> None:
        """End the stream."""
        self.is_ended = True
        self._waiting.clear()
        self._has_news.set()

    async def wait(self, seconds: float) -> Sequence[FeedEvent]:
        """Return the waiting events: none after `seconds` of silence, or at the end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._has_news.wait()
        events, self._waiting = self._waiting, deque()
        self._has_news.clear()
        return tuple(events)


class Feed:
    """The news of one account for its readers. It lives as long as there are any."""

    def __init__(self, system: System, clock: Clock, account_id: str, *, look_s: float) -> None:
        self._system = system
        self._account_id = account_id
        self._look_s = look_s
        self._clock = clock
        self._asked_mono_s = clock.mono_s()
        self._changed = asyncio.Event()
        self._owners = {account_prefix(account_id)}
        self._conversation_id: str | None = None
        # The ids of messages in the overlap that were sent, or were there before; with their times.
        self._sent: dict[str, float] = {}
        self.position = Position(clock.now_s(), _NO_ID)
        self.readers: set[Reader] = set()

    async def begin(self) -> None:
        """Note what is there already. What is stored from now on is news.

        Raises:
            ExpectedError: the store does not answer.
        """
        self._system.watchers.watch(self._owners, self._changed.set)
        self._note(await self._load())

    async def run(self) -> None:
        """Look for news until there are no readers."""
        try:
            while self.readers:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._look_s):
                        await self._changed.wait()
                self._changed.clear()
                self._keep_watching()
                await self._look()
        finally:
            self._system.watchers.unwatch(self._owners, self._changed.set)
            for reader in self.readers:
                reader.end()

    def _keep_watching(self) -> None:
        """Ask the other nodes for hints again, once in the time between two looks."""
        now_mono_s = self._clock.mono_s()
        if now_mono_s - self._asked_mono_s >= self._look_s:
            self._asked_mono_s = now_mono_s
            self._system.watchers.ask_others(self._owners)

    def wake(self) -> None:
        """Let the feed look for news, and whether it has readers."""
        self._changed.set()

    async def _look(self) -> None:
        try:
            news = await self._load()
        except ExpectedError as exc:
            _log.warning("stream_not_fed", error=type(exc).__name__)
            return
        before = self._conversation_id
        fresh = self._note(news)
        if news.conversation_id not in (before, None):
            self._send(FeedEvent(self.position, conversation_id=news.conversation_id))
        if fresh:
            self._send(FeedEvent(self.position, tuple(fresh)))

    async def _load(self) -> News:
        """Load the state, with the messages since the overlap."""
        after = Position(self.position.at - _OVERLAP_S, "")
        news = await self._system.store.read(load_news, self._account_id, after=after, limit=_QUERY)
        messages = list(news.messages)
        while len(news.messages) == _QUERY:
            news = await self._system.store.read(
                load_news, self._account_id, after=position_of(messages[-1]), limit=_QUERY
            )
            messages.extend(news.messages)
        return News(news.session_keys, news.conversation_id, tuple(messages))

    def _note(self, news: News) -> list[StoredMessage]:
        """Remember a state, and return its messages that were not there before."""
        owners = {owner_of(key) for key in news.session_keys} - self._owners
        self._system.watchers.watch(owners, self._changed.set)
        self._owners |= owners
        self._conversation_id = news.conversation_id or self._conversation_id
        fresh = [one for one in news.messages if one.message_id not in self._sent]
        self.position = max([self.position, *map(position_of, fresh)])
        since = self.position.at - _OVERLAP_S
        self._sent = {id_: at for id_, at in self._sent.items() if at >= since}
        self._sent |= {one.message_id: one.created_at for one in fresh}
        return fresh

    def _send(self, event: FeedEvent) -> None:
        for reader in self.readers:
            reader.add(event)


class Feeds:
    """The feeds of the accounts with open streams.

    reader = await feeds.open(account_id)
    events = await reader.wait(15.0)
    feeds.leave(account_id, reader)
    """

    def __init__(self, system: System, clock: Clock, *, max_readers: int, look_s: float) -> None:
        self._system = system
        self._clock = clock
        self._max_readers = max_readers
        self._look_s = look_s
        self._feeds: dict[str, Feed] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    async def open(self, account_id: str, after: Position | None) -> Reader:
        """Open a reader. Its first event is `connected`; then come the messages after a given position.

        Raises:
            RateLimitedError: the account has as many as it may. ExpectedError: the store does not answer.
        """
        feed = self._feeds.get(account_id)
        if feed is None:
            feed = self._feeds[account_id] = Feed(self._system, self._clock, account_id, look_s=self._look_s)
        if len(feed.readers) >= self._max_readers:
            raise RateLimitedError(
                f"This account has {self._max_readers} open event streams already.", retry_after_s=60.0
            )
        is_first, reader = not feed.readers, Reader()
        feed.readers.add(reader)
        try:
            if is_first:
                await feed.begin()
                self._start(account_id, feed)
            await self._greet(reader, feed, account_id, after)
        except BaseException:
            self.leave(account_id, reader)
            raise
        if self._is_closed:
            reader.end()
        return reader

    def leave(self, account_id: str, reader: Reader) -> None:
        """Remove a reader."""
        reader.end()
        feed = self._feeds.get(account_id)
        if feed is not None and reader in feed.readers:
            feed.readers.discard(reader)
            if not feed.readers:
                del self._feeds[account_id]
            feed.wake()

    def look(self, account_id: str) -> None:
        """Let the account's feed look for news now. Call it when the account has another wearable."""
        feed = self._feeds.get(account_id)
        if feed is not None:
            feed.wake()

    def close(self) -> None:
        """End all streams, since the server stops."""
        self._is_closed = True
        for feed in self._feeds.values():
            for reader in feed.readers:
                reader.end()

    def _start(self, account_id: str, feed: Feed) -> None:
        task = asyncio.create_task(feed.run(), name=f"feed of {account_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _greet(self, reader: Reader, feed: Feed, account_id: str, after: Position | None) -> None:
        connected = FeedEvent(after or feed.position)
        if after is None:
            reader.greet(connected)
            return
        missed: list[StoredMessage] = []
        while len(missed) <= _RESUMED:
            last = position_of(missed[-1]) if missed else after
            news = await self._system.store.read(load_news, account_id, after=last, limit=_QUERY)
            missed.extend(news.messages)
            if len(news.messages) < _QUERY:
                break
        if len(missed) > _RESUMED:
            # Too many to send: the client loads the conversation again.
            reader.greet(connected, FeedEvent(feed.position, conversation_id=news.conversation_id))
        elif missed:
            reader.greet(connected, FeedEvent(position_of(missed[-1]), tuple(missed)))
        else:
            reader.greet(connected)
