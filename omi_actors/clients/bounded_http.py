"""HTTP clients that follow no redirect and read a bounded number of bytes of each reply.

Not here: requests (openai_model.py, omi_api.py), deadlines (their callers), what the environment says of proxies
(surroundings.py). Threads: the event loop. Import it late, since httpx2 takes long to import.
"""

import ssl
import zlib
from collections.abc import AsyncIterator, Iterator
from functools import lru_cache

import httpx2

from omi_actors.clients.surroundings import find_certificates, find_proxy

# The longest answer that OPENAI_MAX_TOKENS allows, 100,000 tokens, streamed one by one at 300 bytes each.
MAX_REPLY_BYTES = 32 * 1024 * 1024
# The status identifies an error or a redirect. Of its body the first sentences matter; some servers send a whole page.
MAX_ERROR_BYTES = 256 * 1024
_FIRST_NO_SUCCESS = 300
# Of a packed reply, so many bytes are unpacked at a time.
_PIECE_BYTES = 64 * 1024
# For zlib: that the header is gzip's; and how either header begins.
_GZIP = 16 + zlib.MAX_WBITS
_GZIP_START, _ZLIB_METHOD = 0x1F, 8


class ReplyTooLongError(httpx2.RequestError):
    """A server has sent more bytes than a reply may have."""


class _Bounded(httpx2.AsyncByteStream):
    """The unpacked bytes of a reply, at most `max_bytes`.

    A longer reply ends there if `may_be_cut`; otherwise reading it raises ReplyTooLongError.
    """

    def __init__(
        self, stream: httpx2.AsyncByteStream, unpacker: "_Unpacker", max_bytes: int, *, may_be_cut: bool
    ) -> None:
        self._stream = stream
        self._unpacker = unpacker
        self._left = max_bytes
        self._may_be_cut = may_be_cut

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield chunks as they arrive. Raises: ReplyTooLongError, httpx2.DecodingError."""
        async for packed in self._stream:
            for chunk in self._unpacker.unpack(packed):
                self._left -= len(chunk)
                if self._left < 0 and self._may_be_cut:
                    return
                if self._left < 0:
                    raise ReplyTooLongError("the reply is longer than its limit")
                yield chunk

    async def aclose(self) -> None:
        """Close the connection, or return it to the pool."""
        await self._stream.aclose()


@lru_cache(maxsize=1)
def _system_certificates() -> ssl.SSLContext:
    """Read the system's certificates once for all clients: 15 ms, and some MB."""
    return httpx2.create_ssl_context(trust_env=False)


class _Unpacker:
    """Unpacks a reply in pieces of limited size, so that a few packed bytes cannot fill the memory.

    Gzip is recognised by its first byte and not by the header, since some proxies change only one of the two.
    """

    def __init__(self, encoding: str) -> None:
        self._is_deflated = "deflate" in encoding.lower()
        self._is_first = True
        self._zlib: zlib._Decompress | None = None

    def unpack(self, packed: bytes) -> Iterator[bytes]:
        """Unpack these bytes and yield the pieces; a reply that is not packed is yielded as it is."""
        if self._is_first and packed:
            self._is_first = False
            self._zlib = self._begin(packed[0])
        if self._zlib is None:
            yield packed
        while packed and self._zlib is not None:
            try:
                yield self._zlib.decompress(packed, _PIECE_BYTES)
            except zlib.error as exc:
                raise httpx2.DecodingError("the reply is packed otherwise than it says") from exc
            packed = self._zlib.unconsumed_tail or self._zlib.unused_data
            if self._zlib.eof and packed:  # some servers pack each piece by itself
                self._zlib = self._begin(packed[0])

    def _begin(self, first: int) -> "zlib._Decompress | None":
        if first == _GZIP_START:
            return zlib.decompressobj(_GZIP)
        if self._is_deflated:  # some servers leave out the header of zlib
            return zlib.decompressobj(zlib.MAX_WBITS if first & 0x0F == _ZLIB_METHOD else -zlib.MAX_WBITS)
        return None


def open_client(
    url: str,
    *,
    timeout: httpx2.Timeout,
    limits: httpx2.Limits,
    client_class: type[httpx2.AsyncClient] = httpx2.AsyncClient,
) -> httpx2.AsyncClient:
    """Return a client for the server at `url`, which follows no redirect and reads at most MAX_REPLY_BYTES of a reply.

    A redirect would send the key and a person's words to a server that the operator has not named. Compressed replies
    are not requested, but some gateways send them nevertheless.

    Raises:
        SettingsError: a variable of the environment names a proxy of an unknown kind, or no certificates.
    """
    proxy = find_proxy(url)

    async def bound(response: httpx2.Response) -> None:
        assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101 (an async client's is)
        is_success = response.status_code < _FIRST_NO_SUCCESS
        max_bytes = MAX_REPLY_BYTES if is_success else MAX_ERROR_BYTES
        unpacker = _Unpacker(response.headers.pop("content-encoding", ""))
        response.stream = _Bounded(response.stream, unpacker, max_bytes, may_be_cut=not is_success)

    return client_class(
        trust_env=False,  # what it says of this server is read above
        proxy=httpx2.Proxy(proxy.url) if proxy else None,
        verify=find_certificates(url) or _system_certificates(),
        timeout=timeout,
        limits=limits,
        follow_redirects=False,
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [bound]},
    )
