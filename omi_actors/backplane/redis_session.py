"""One session with a Redis server, from connecting to the first failure of the link.

Only this module imports redis (0.3 s); it is imported in a thread, and only when REDIS_URL is set.
Not here: reconnecting (redis_link.py), the purpose of the commands (redis_backplane.py). Threads: the event loop.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from omi_actors.backplane.counters import Unsent
from omi_actors.backplane.redis_link import LinkConfig, LinkLostError, reraising_cancellation
from omi_actors.backplane.redis_mail import MailConnection
from omi_actors.errors import UpstreamRejectedError

# Concurrent commands and the subscription; further commands wait, within their timeout.
_CONNECTIONS = 8
# Redis's own.
_PORT = 6379
# Seconds of silence after which the subscription gets a ping.
_QUIET_S = 1.0

# The most specific first.
_CAUSES: tuple[tuple[type[BaseException], str], ...] = (
    (exceptions.AuthenticationError, "wrong_password"),
    (exceptions.AuthorizationError, "not_permitted"),
    (exceptions.AuthenticationWrongNumberOfArgsError, "wrong_password"),
    (exceptions.ExternalAuthProviderError, "wrong_password"),
    (exceptions.NoPermissionError, "not_permitted"),
    (exceptions.BusyLoadingError, "loading"),
    (exceptions.ReadOnlyError, "read_only"),
    (exceptions.MasterDownError, "read_only"),
    (exceptions.AskError, "cluster"),  # and MovedError
    (exceptions.ClusterDownError, "cluster"),
    (exceptions.ClusterCrossSlotError, "cluster"),
    (exceptions.TryAgainError, "cluster"),
    (exceptions.OutOfMemoryError, "refuses_writes"),
    (exceptions.TimeoutError, "timeout"),
    (TimeoutError, "timeout"),
)
# Refusals without a class in redis-py, by their first words.
_REFUSALS = {
    "NOAUTH": "wrong_password",
    "WRONGPASS": "wrong_password",
    "MISCONF": "refuses_writes",
    "NOREPLICAS": "refuses_writes",
    "BUSY": "timeout",
    "DENIED": "protected",
    "DB index": "no_such_database",
    "invalid DB index": "no_such_database",
    "SELECT is not allowed": "cluster",
}
# Causes that a port with TLS, or without, may have if REDIS_URL expects the other.
_OF_A_WRONG_PORT = ("timeout", "closed", "not_redis", "no_certificate", "unreachable")
# The beginning of each reply to a PING in words: +PONG, or a refusal.
_REPLIES = (b"+", b"-")


class RedisSession:
    """A session with a Redis server.

    If the link fails, every method raises LinkLostError and settles `lost`. If the server refuses only one command, the
    method raises UpstreamRejectedError, and the session continues.
    """

    def __init__(self, config: LinkConfig) -> None:
        pool = BlockingConnectionPool.from_url(
            config.url,
            max_connections=_CONNECTIONS,
            timeout=config.timeout_s,
            socket_timeout=config.timeout_s,
            socket_connect_timeout=config.timeout_s,
            # A command that may have been done must not be repeated.
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            # The library's name and version would cost each connection a round trip.
            driver_info=None,
        )
        self._redis: Any = Redis.from_pool(pool)
        self._pubsub: Any = self._redis.pubsub()
        # One receives, one sends.
        self._mail: list[Any] = []
        self._url, self._timeout_s = config.url, config.timeout_s
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def open(self, prefix: str) -> None:
        """Connect, try all commands that we need, which leaves nothing behind, and subscribe.

        Raises:
            LinkLostError: one of them failed.
        """
        try:
            await self._open(prefix)
        except UpstreamRejectedError as exc:
            raise LinkLostError("lacks_commands") from exc
        except LinkLostError as exc:
            if exc.cause in _OF_A_WRONG_PORT and (cause := await _find_tls_mismatch(self._url, self._timeout_s)):
                raise LinkLostError(cause) from exc
            raise

    async def _open(self, prefix: str) -> None:
        probe = f"{prefix}:probe"
        await self.ping()
        if await self.exchange([(probe, Unsent(probe, 1, 1.0))]) == [None]:
            raise LinkLostError("lacks_commands")
        await self.publish([(probe, b"")])
        async with self._guard():
            await self._redis.pexpire(probe, 0)
            await self._pubsub.subscribe(f"{prefix}:wake", f"{prefix}:answered")

    async def confirm_subscription(self) -> None:
        """Wait until the server confirms or refuses the subscription. Else `next_message` raises the refusal."""
        async with self._guard():
            await self._pubsub.get_message(timeout=self._timeout_s)

    async def close(self) -> None:
        """Close all connections."""
        if not self.lost.cancel():
            self.lost.exception()  # marks it as retrieved
        for connection in self._mail:
            if connection._writer is not None:  # noqa: SLF001 (as in `open_mail`)
                connection._writer.transport.abort()  # noqa: SLF001
                await connection.disconnect(nowait=True)
        # The server may hang; the operating system then ends the connections.
        with contextlib.suppress(exceptions.RedisError, OSError, TimeoutError):
            async with asyncio.timeout(self._timeout_s):
                await self._pubsub.aclose()
                await self._redis.aclose()

    # --- commands

    async def ping(self) -> None:
        """Check that the server answers."""
        async with self._guard():
            await self._redis.ping()

    async def publish(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """Send messages, each to a channel, in order."""
        pipeline = self._redis.pipeline(transaction=False)
        for channel, message in messages:
            pipeline.publish(channel, message)
        async with self._guard():
            await pipeline.execute()

    async def exchange(self, counts: Sequence[tuple[str, Unsent]]) -> list[tuple[int, float] | None]:
        """Add this node's counts to their keys in Redis; return each key's total and the seconds until it expires.

        None: the key's value is another program's, or it has no valid expiry. A key that does not exist yet is made to
        expire at the end of this node's window.
        """
        pipeline = self._redis.pipeline(transaction=False)
        for name, unsent in counts:
            pipeline.set(name, 0, px=_as_ms(unsent.left_s), nx=True)
            pipeline.incrby(name, unsent.hits)
            pipeline.pttl(name)
        async with self._guard():
            replies = await pipeline.execute(raise_on_error=False)
            _raise_first_fault(replies)
            for (name, unsent), left_ms in zip(counts, replies[2::3], strict=True):
                if left_ms == -1:  # it expired between our commands, or another program made it
                    await self._redis.pexpire(name, _as_ms(unsent.left_s))
        return [_read_count(*pair) for pair in zip(replies[1::3], replies[2::3], strict=True)]

    # --- messages

    async def next_message(self) -> tuple[str, bytes]:
        """Wait for a message without a deadline; return its channel and content."""
        while True:
            async with self._guard(has_deadline=False):
                message = await self._pubsub.get_message(timeout=_QUIET_S)
                if message is None:
                    await self._pubsub.ping()
                    message = await self._pubsub.get_message(timeout=self._timeout_s)
                if message is None:
                    raise TimeoutError
            if message["type"] == "message":
                return message["channel"].decode(), message["data"]

    # --- mail, on two connections of its own (redis_mail.py)

    async def open_mail(self, mailbox: str, on_mail: Callable[[bytes], None]) -> MailConnection:
        """Pass the mail of this mailbox to `on_mail`; return the connection that sends mail."""
        pool = self._redis.connection_pool
        mails = []
        for commands in ((("SUBSCRIBE", mailbox),), (("CLIENT", "REPLY", "ON"), ("CLIENT", "REPLY", "OFF"))):
            connection = pool.make_connection()
            self._mail.append(connection)
            async with self._guard():
                await connection.connect()
                for number, command in enumerate(commands):
                    await connection.send_command(*command)
                    if not number:  # a reply to each mail would wake the loop once more: receivers reply themselves
                        await connection.read_response()
            mail = MailConnection(on_mail, self._note_mail_lost)
            mail.take_over(connection._writer.transport)  # noqa: SLF001 (the library has no other way to it)
            mails.append(mail)
        return mails[1]

    def _note_mail_lost(self) -> None:
        if not self.lost.done():
            self.lost.set_exception(LinkLostError("closed"))

    @contextlib.asynccontextmanager
    async def _guard(self, *, has_deadline: bool = True) -> AsyncIterator[None]:
        """Keep the deadline, and translate errors: those of the link end the session, a refused command does not.

        Unknown errors, which redis-py raises for a server of another protocol, count as the link's.
        """
        try:
            with reraising_cancellation():
                async with asyncio.timeout(self._timeout_s if has_deadline else None):
                    yield
        except Exception as exc:
            cause = _cause_of(exc)
            if cause is None:
                raise UpstreamRejectedError("Redis refused a command", code=type(exc).__name__) from exc
            error = LinkLostError(cause)
            if not self.lost.done():
                self.lost.set_exception(error)
            raise error from exc


def _cause_of(exc: BaseException) -> str | None:
    """Return the cause of a lost link; None when only one command was refused."""
    for kind, cause in _CAUSES:
        if isinstance(exc, kind):
            return cause
    if isinstance(exc, exceptions.ResponseError):
        said = str(exc).rpartition("of pipeline caused error: ")[2]
        return next((cause for start, cause in _REFUSALS.items() if said.startswith(start)), None)
    if _is_caused_by(exc, ssl.SSLError):
        return "no_certificate"
    if not isinstance(exc, exceptions.ConnectionError | OSError):
        return "not_redis"
    return "unreachable" if "connecting to" in str(exc) else "closed"


async def _find_tls_mismatch(url: str, timeout_s: float) -> str:
    """Return the cause if the port speaks TLS and the URL does not, or the other way round; else "".

    A port of the other kind closes, hangs or sends rubbish, so it is asked once more in its own way.
    """
    parts = urlsplit(url)
    place = parts.hostname or "", parts.port or _PORT
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(timeout_s):
            match parts.scheme:
                case "redis":
                    return "needs_tls" if await _speaks_tls(*place) else ""
                case "rediss":
                    return "no_tls" if await _speaks_plainly(*place) else ""
    return ""


async def _speaks_tls(host: str, port: int) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing is sent over it
    try:
        _, writer = await asyncio.open_connection(host, port, ssl=context)
    except ssl.SSLError as exc:
        return "ALERT" in (exc.reason or "")  # it refuses us, in TLS
    writer.close()
    return True


async def _speaks_plainly(host: str, port: int) -> bool:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(b"PING\r\n")
        return await reader.read(1) in _REPLIES
    finally:
        writer.close()


def _is_caused_by(exc: BaseException | None, kind: type[BaseException]) -> bool:
    while exc is not None:
        if isinstance(exc, kind):
            return True
        exc = exc.__cause__ or exc.__context__
    return False


def _raise_first_fault(replies: Iterable[object]) -> None:
    """Raise the first error of the link. Errors of a single key, such as a foreign value, are passed over."""
    for reply in replies:
        if isinstance(reply, Exception) and _cause_of(reply) is not None:
            raise reply


def _read_count(total: object, left_ms: object) -> tuple[int, float] | None:
    """Return a total and the seconds until it expires; None: another program's value, or no valid expiry."""
    if not isinstance(total, int) or not isinstance(left_ms, int) or left_ms <= 0:
        return None
    return total, left_ms / 1000


def _as_ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))


async def probe_redis(config: LinkConfig) -> LinkLostError | None:
    """Return the error that keeps Redis from carrying the backplane, None if there is none. Leave nothing behind."""
    session = RedisSession(config)
    try:
        await session.open(config.prefix)
        await session.confirm_subscription()
    except LinkLostError as exc:
        return exc
    finally:
        await session.close()
    return None
