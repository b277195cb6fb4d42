"""HTTP clients for other people's servers: nobody is sent on to another address, and no reply fills the memory.

Not here: what is asked (openai_model.py, omi_api.py), for how long (their callers). Threads: the event loop; not to be
imported at start, since httpx2 takes its time.
"""

from collections.abc import AsyncIterator

import httpx2

# The longest answer that OPENAI_MAX_TOKENS allows, 100,000 tokens, streamed one by one at 300 bytes each.
MAX_REPLY_BYTES = 32 * 1024 * 1024
# An error or a redirect is known by its status: of its body the first sentences count, some servers send a whole page.
MAX_ERROR_BYTES = 256 * 1024
_FIRST_NO_SUCCESS = 300


class ReplyTooLongError(httpx2.RequestError):
    """A server has sent more than any reply of it can be."""


class _Bounded(httpx2.AsyncByteStream):
    """A reply's bytes, up to a number: one that `may_be_cut` ends there, for another that is an error."""

    def __init__(self, stream: httpx2.AsyncByteStream, most: int, *, may_be_cut: bool) -> None:
        self._stream = stream
        self._left = most
        self._may_be_cut = may_be_cut

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Give what comes. Raises: ReplyTooLongError."""
        async for chunk in self._stream:
            self._left -= len(chunk)
            if self._left < 0 and self._may_be_cut:
                return
            if self._left < 0:
                raise ReplyTooLongError("the reply is longer than any that is wanted")
            yield chunk

    async def aclose(self) -> None:
        """Close the connection, or give it back."""
        await self._stream.aclose()


def open_client(
    *,
    timeout: httpx2.Timeout,
    limits: httpx2.Limits,
    most: int = MAX_REPLY_BYTES,
    kind: type[httpx2.AsyncClient] = httpx2.AsyncClient,
) -> httpx2.AsyncClient:
    """Return a client that follows no redirect and reads at most `most` bytes of a reply, errors included.

    A request with its key and a person's words is for the server that the operator has named, and for no other. Replies
    are not to be compressed: a thousandth of the bytes would do, to fill the memory.
    """

    async def bound(response: httpx2.Response) -> None:
        assert isinstance(response.stream, httpx2.AsyncByteStream)  # noqa: S101 (an async client's is)
        is_success = response.status_code < _FIRST_NO_SUCCESS
        limit = most if is_success else MAX_ERROR_BYTES
        response.stream = _Bounded(response.stream, limit, may_be_cut=not is_success)
        # Compressed all the same, it is read as it is, and so is no reply.
        response.headers.pop("content-encoding", None)

    return kind(
        timeout=timeout,
        limits=limits,
        follow_redirects=False,
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [bound]},
    )
