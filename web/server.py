"""The HTTP server: its limits, start and stop.

Not here: the path of a request (entry.py, app.py). Threads: the event loop.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from tornado.netutil import bind_sockets

from config.groups.store import name_siblings
from config.settings import Settings
from omi_actors.clock import Clock, SystemClock
from omi_actors.instruments import metrics
from omi_actors.instruments.requests import REQUESTS
from omi_actors.instruments.webhooks import WEBHOOKS
from omi_actors.system import System
from web.app import build_application
from web.edge.header_checks import FLOOD_BYTES
from web.edge.listener import ConnectionLimits, Listener, possible_connections, share_of
from web.edge.sharing import Loads
from web.entry import Entry
from web.handlers.operator import operator_path
from web.relay import Relay
from web.site import Site

if TYPE_CHECKING:
    from collections.abc import Sequence
    from socket import socket


# Seconds. A client that keeps its connection may be sending when we close it, and another node could have answered. So
# we answer for a moment longer, and each reply closes its connection.
_LINGER_S = 0.5


class WebServer:
    """One HTTP server on HOST:PORT.

    Example:
        server = WebServer(system, settings)  # not listening yet
        port = server.listen()
        await server.stop(grace_s=5.0)  # once; open requests get 5 s
    """

    def __init__(self, system: System, settings: Settings, clock: Clock | None = None) -> None:
        clock = clock or SystemClock()
        self._settings = settings
        REQUESTS.configure(clock, settings.request_log_size)
        WEBHOOKS.configure(settings.webhook_inspector_size, settings.webhook_inspector_bytes)
        self._site = Site(system, settings, clock)
        # Entry limits the size and time of bodies: it answers, where Tornado would close the connection.
        entry = Entry(self._site, build_application(self._site, compress=settings.enable_compression))
        self.http_server = Listener(
            entry,
            max_header_size=FLOOD_BYTES,
            idle_connection_timeout=settings.idle_connection_timeout_s,
        )
        room = possible_connections(settings.max_connections)
        limits = ConnectionLimits(room, min(settings.max_connections_per_address, share_of(room)), settings.trust_proxy)
        self.http_server.guard(limits, clock, settings.idle_connection_timeout_s, entry.answer_known, entry.find_whole)
        self._sockets: list[socket] = []
        self._loads: Loads | None = None
        metrics.HTTP_ACTIVE.set_function(lambda: self._site.traffic.active)

    def bind(self) -> int:
        """Bind HOST:PORT and return the port; PORT=0 chooses a free port. Connections wait until `listen`.

        Raises:
            OSError: the address is in use, or does not belong to this machine.
        """
        self._sockets = bind_sockets(self._settings.port, self._settings.host)
        return int(self._sockets[0].getsockname()[1])

    def adopt(self, sockets: "Sequence[socket]", loads: Loads, folder: Path) -> int:
        """Take sockets that are bound, and that other processes have, too. Return the port.

        In `folder` each process has a socket of its own.
        """
        self._sockets, self._loads = list(sockets), loads
        settings = self._settings
        near = name_siblings(settings.node_name, settings.processes)
        self._site.relay = Relay(folder, settings.node_name, near)
        return int(self._sockets[0].getsockname()[1])

    def listen(self) -> int:
        """Accept connections at HOST:PORT and return the port; see `bind`."""
        if not self._sockets:
            self.bind()
        if self._loads is not None:
            self.http_server.share(self._sockets, self._loads)
            if self._site.relay is not None:
                self.http_server.add_socket(self._site.relay.bind())
        else:
            self.http_server.add_sockets(self._sockets)
        return int(self._sockets[0].getsockname()[1])

    @property
    def requests_under_way(self) -> int:
        """Return the number of requests that have no reply yet."""
        return self._site.traffic.active

    def operator_path(self) -> str:
        """Return a path that signs one browser in as the operator within ten minutes. It must not be logged."""
        return operator_path(self._site.operators.issue_key())

    async def stop(self, grace_s: float) -> bool:
        """Stop listening, wait `grace_s` seconds for open requests, then close. Return False if some were cut off."""
        self.http_server.stop()
        self._site.people.feeds.close()
        self._site.dashboard.close()
        drained = await self._site.traffic.drain(grace_s)
        if self._settings.is_postgres:
            await self.http_server.linger(_LINGER_S)
            drained = await self._site.traffic.drain(grace_s) and drained
        await self.http_server.close_all_connections()
        self._site.traffic.close()
        if self._site.relay is not None:
            self._site.relay.close()
        self._site.readers.close()
        return drained
