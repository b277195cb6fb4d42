"""The indexer: makes memories of Omi's conversations, and puts what was said into the index of words.

Only for sessions that belong to a person. It works in short steps with pauses, so that webhooks do not wait for it: a
text can be recalled about a minute after it was said.
Not here: words (domain/people/), statements (store/people/). Threads: the event loop; it awaits the store and,
with the extra `semantic`, the embedder, which makes vectors of texts.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from omi_actors.instruments import metrics
from omi_actors.instruments.logs import get_logger
from omi_actors.kit.errors import ExpectedError
from omi_actors.kit.loop_actor import LoopActor
from omi_actors.store.facade import Store
from omi_actors.store.people import memories, recall_index, recall_vectors
from omi_actors.store.people.memories import HeardConversation

_log = get_logger(__name__)

# A text as its vector; None if there is none.
Embed = Callable[[str], Awaitable[bytes | None]]

# Seconds between two rounds that had nothing to do.
_PERIOD_S = 5.0
# Seconds between two steps: with these sizes at most 213 texts a second, which take 2 % of a core.
_PAUSE_S = 0.15
_TEXTS = 32
# Conversations of Omi may have megabytes.
_EVENTS = 4
# Texts that get a vector in a step: with the pauses about 80 a second, which take a fifth of a core.
_EMBEDDED = 16
_SESSIONS = 64
# Seconds for which a segment may still grow; the prompt has the latest ones anyway.
_SETTLED_S = 60.0
# Seconds between two rounds that remove deleted words from the index.
_MERGE_S = 86_400.0
# Seconds from a deletion to such a round, which then takes all deletions of this time. It needs a second of the
# writer's time at 500,000 texts.
_SOON_S = 60.0


@dataclass(frozen=True, slots=True)
class NextStep:
    """Message that begins the next step; the indexer's timer sends it."""


@dataclass(frozen=True, slots=True)
class MergeWords:
    """Message that begins a merge of the index, which removes deleted words; the indexer's timer sends it."""


@dataclass(frozen=True, slots=True)
class WordsDeleted:
    """Message from the system: a person has deleted a text, so that a merge is needed soon."""


class Indexer(LoopActor):
    """Takes one step after the other: events of Omi first, then the texts of one session.

    State it owns: sessions with work. Messages it takes: NextStep, MergeWords, WordsDeleted. Messages it sends: none.
    What kills it: an unexpected error. What survives a restart: nothing; the store knows what is left to do.
    """

    def __init__(self, store: Store, node: str, embed: Embed | None = None) -> None:
        super().__init__()
        self._store = store
        self._node = node
        self._make_vector = embed
        self._sessions: deque[str] = deque()
        # None: no merge is under way.
        self._merge: bool | None = None
        self._merges_soon = False

    def on_start(self) -> None:
        """Set the timers of the first step and of the merges."""
        self.timers.after(_PERIOD_S, NextStep())
        self.timers.every(_MERGE_S, MergeWords())
        # An earlier start may have ended between a deletion and its merge.
        self._merge_soon()

    async def receive(self, message: object) -> object:
        """Take one message."""
        match message:
            case NextStep():
                self.timers.after(await self._take_step(), NextStep())
            case MergeWords():
                self._merge, self._merges_soon = True, False
            case WordsDeleted():
                self._merge_soon()
            case _:
                return super().receive(message)
        return None

    def _merge_soon(self) -> None:
        if not self._merges_soon:
            self._merges_soon = True
            self.timers.after(_SOON_S, MergeWords())

    async def _take_step(self) -> float:
        """Do one piece of work; return the seconds to the next one."""
        try:
            has_worked = await self._keep_conversations() or await self._index()
            has_worked = has_worked or await self._embed() or await self._merge_words()
        except ExpectedError as exc:
            _log.warning("indexing_failed", error=type(exc).__name__)
            self._sessions.clear()
            has_worked = False
        return _PAUSE_S if has_worked else _PERIOD_S

    async def _keep_conversations(self) -> bool:
        found = await self._store.read_cold(memories.find_conversations, node=self._node, limit=_EVENTS)
        for heard in found:
            metrics.MEMORIES.labels("conversation" if await self._keep(heard) else "skipped").inc()
        return bool(found)

    async def _keep(self, heard: HeardConversation) -> bool:
        """Store the memory of a conversation; return True if it is new. One that can never be stored is left out."""
        try:
            return await self._store.write_alone(memories.keep_conversation, heard)
        except ExpectedError as exc:
            if exc.retryable:
                raise
            # Otherwise it would be found again, before all others, for ever.
            _log.warning("conversation_not_kept", error=type(exc).__name__)
            return await self._store.write_alone(memories.keep_conversation, replace(heard, memory=None))

    async def _index(self) -> bool:
        until = self.runtime.clock.now_s() - _SETTLED_S
        if not self._sessions:
            found = await self._store.read_cold(
                recall_index.find_sessions, node=self._node, until=until, limit=_SESSIONS
            )
            self._sessions.extend(found)
        if not self._sessions:
            return False
        session_id = self._sessions.popleft()
        if await self._store.write(recall_index.index_session, session_id, until=until, limit=_TEXTS):
            self._sessions.append(session_id)
        return True

    async def _embed(self) -> bool:
        """Make the vectors of some texts. One that gets none is left out, and found by its words."""
        if self._make_vector is None:
            return False
        pick = self.runtime.rng.random()
        waiting = await self._store.read(recall_vectors.find_waiting, pick=pick, limit=_EMBEDDED)
        if waiting is None:
            return False
        found = [(number, await self._make_vector(text)) for number, text in waiting.texts]
        vectors = [(number, vector) for number, vector in found if vector is not None]
        await self._store.write(recall_vectors.keep_vectors, waiting=waiting, vectors=vectors)
        return True

    async def _merge_words(self) -> bool:
        """Take one step of a merge, which removes the words of deleted texts from the index.

        Return True if more steps follow; do nothing if no merge is under way.
        """
        if self._merge is None:
            return False
        has_more = await self._store.write(recall_index.merge_words, is_first=self._merge)
        self._merge = False if has_more else None
        return has_more
