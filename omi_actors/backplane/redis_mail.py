"""Mail over Redis: the bytes of published and received messages on two connections of a node.

A client library's pipeline and subscription take 80 µs of CPU for each message and its receipt, these bytes a third.
Connecting, TLS and passwords are the library's (redis_session.py). Not here: the content of mail (actors/session/).
Threads: the event loop. Source: RESP2, redis.io/docs/reference/protocol-spec.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator

# Bytes that may wait to be sent. A server that takes so much less than comes is lost.
_MAX_WAITING_BYTES = 8 * 1024 * 1024
# Bytes of one message that is received: a frame of the largest webhook fits.
_MAX_MESSAGE_BYTES = 32 * 1024 * 1024


def build_publish(mailbox: str, content: bytes) -> bytes:
    """Return the command that publishes a mail."""
    name = mailbox.encode()
    return b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(name), name, len(content), content)


class MailParser:
    """Takes bytes as they come; returns the contents of received messages.

    for content in parser.feed(data): ...
    """

    def __init__(self) -> None:
        self._waiting = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the content of each message that is complete.

        Raises:
            ValueError: these are no messages of a subscription.
        """
        data = self._waiting + data if self._waiting else data
        place = 0
        try:
            while place < len(data):
                parts, end = _read_array(data, place)
                place = end
                if parts[0] == b"message":
                    yield parts[2]
        except IndexError:  # the rest has not come yet
            pass
        self._waiting = data[place:]
        if len(self._waiting) > _MAX_MESSAGE_BYTES:
            raise ValueError("a message is too long")


def _read_array(data: bytes, place: int) -> tuple[list[bytes], int]:
    """Return the strings of an array and its end. Raises: IndexError if it is not complete, ValueError."""
    count, place = _read_number(data, place, b"*")
    parts = []
    for _ in range(count):
        length, place = _read_number(data, place, b"$")
        end = place + length
        if len(data) < end + 2:
            raise IndexError
        parts.append(data[place:end])
        place = end + 2
    return parts, place


def _read_number(data: bytes, place: int, mark: bytes) -> tuple[int, int]:
    end = data.find(b"\r\n", place)
    if end < 0:
        raise IndexError
    if data[place : place + 1] != mark:
        raise ValueError("Redis sent something else than a message")
    return int(data[place + 1 : end]), end + 2


class MailConnection(asyncio.Protocol):
    """One connection that takes mail. It replaces the protocol of a connection that a client has opened."""

    def __init__(self, on_mail: Callable[[bytes], None], on_lost: Callable[[], None]) -> None:
        self._on_mail = on_mail
        self._on_lost = on_lost
        self._parser = MailParser()
        self._transport: asyncio.Transport | None = None

    def take_over(self, transport: asyncio.Transport) -> None:
        """Use the connection from now on."""
        self._transport = transport
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        """Pass on the mail in it."""
        try:
            for content in self._parser.feed(data):
                self._on_mail(content)
        except ValueError:
            self.close()
            self._on_lost()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's)
        """Report the loss."""
        self._on_lost()

    def send(self, mails: Iterable[tuple[str, bytes]]) -> None:
        """Send mails, each to a mailbox, in order. Whether a node gets them is not known."""
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(b"".join([build_publish(mailbox, content) for mailbox, content in mails]))
        if self._transport.get_write_buffer_size() > _MAX_WAITING_BYTES:
            self.close()
            self._on_lost()

    def close(self) -> None:
        """Close the connection at once."""
        if self._transport is not None:
            self._transport.abort()
