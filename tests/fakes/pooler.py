"""A pooler before PostgreSQL that behaves as PgBouncer does in transaction mode.

It takes no `options` of a new connection, and runs each transaction on the next of its two connections to the server.
Threads: one for each client.
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

_SSL_REQUEST = 80877103
_PROTOCOL = 196608
_BACKENDS = 2


class Pooler:
    """The pooler. `refuses` says whether it refuses a client's `options` (PgBouncer's default) or passes over them."""

    def __init__(self, server_url: str, *, refuses: bool, mode: str = "transaction") -> None:
        parts = urlsplit(server_url)
        query = dict(parse_qsl(parts.query))
        self._socket_path = f"{query['host']}/.s.PGSQL.5432"
        self._startup = {"user": query["user"], "database": parts.path.strip("/")}
        self._refuses = refuses
        self._mode = mode
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.refused: list[str] = []
        self.url = f"postgresql://omi@127.0.0.1:{self._listener.getsockname()[1]}{parts.path}"

    def serve(self) -> None:
        """Accept clients until the listener is closed."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve_one, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Accept no more clients."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve_one(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as opened:
            opened.enter_context(client)
            options = _read_startup(client).get("options")
            if options and self._refuses:
                self.refused.append(options)
                client.sendall(_fatal("unsupported startup parameter: options"))
                return
            backends = [opened.enter_context(self._connect()) for _ in range(_BACKENDS)]
            greetings = [_read_until_ready(backend) for backend in backends]
            client.sendall(greetings[0])
            self._relay(client, backends)

    def _relay(self, client: socket.socket, backends: list[socket.socket]) -> None:
        while True:
            kind, message = _read_message(client)
            if kind == b"X":
                return
            if self._mode == "statement":
                return  # as PgBouncer: libpq then sees no message
            if self._mode == "silent":
                continue  # as PgBouncer while its server is away
            backends[0].sendall(message)
            reply = _read_until_ready(backends[0])
            client.sendall(reply)
            if reply[-1:] == b"I":  # no transaction is open
                backends.append(backends.pop(0))

    def _connect(self) -> socket.socket:
        backend = socket.socket(socket.AF_UNIX)
        backend.connect(self._socket_path)
        words = b"".join(f"{name}\0{value}\0".encode() for name, value in self._startup.items()) + b"\0"
        backend.sendall(struct.pack("!ii", len(words) + 8, _PROTOCOL) + words)
        return backend


@contextlib.contextmanager
def run_pooler(server_url: str, *, refuses: bool = True, mode: str = "transaction") -> Iterator[Pooler]:
    """Run a pooler until the `with` block ends."""
    pooler = Pooler(server_url, refuses=refuses, mode=mode)
    thread = threading.Thread(target=pooler.serve)
    thread.start()
    try:
        yield pooler
    finally:
        pooler.close()
        thread.join()


def _read_startup(client: socket.socket) -> dict[str, str]:
    while True:
        size, code = struct.unpack("!ii", _read(client, 8))
        words = _read(client, size - 8).split(b"\0")
        if code == _PROTOCOL:
            pairs = zip(words[::2], words[1::2], strict=False)
            return {name.decode(): value.decode() for name, value in pairs if name}
        client.sendall(b"N")  # neither TLS nor GSS


def _read_message(peer: socket.socket) -> tuple[bytes, bytes]:
    head = _read(peer, 5)
    return head[:1], head + _read(peer, struct.unpack("!i", head[1:])[0] - 4)


def _read_until_ready(backend: socket.socket) -> bytes:
    """Return the server's messages up to ReadyForQuery, which ends with the transaction's state."""
    read = b""
    while True:
        kind, message = _read_message(backend)
        read += message
        if kind == b"Z":
            return read


def _read(peer: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = peer.recv(count - len(data))
        if not piece:
            raise ConnectionResetError
        data += piece
    return data


def _fatal(sentence: str) -> bytes:
    fields = b"SFATAL\0C08P01\0M" + sentence.encode() + b"\0\0"
    return b"E" + struct.pack("!i", len(fields) + 4) + fields
