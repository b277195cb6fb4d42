r"""The owner of a session: the living node that consistent hashing names for it, as a value.

The ring is the one of nginx's `hash … consistent`. So a balancer that hashes by uid sends a wearer to the owner, and
the owner of a node that leaves is the next one for both.
Not here: which nodes live (store/nodes.py), messages to the owner (actors/session/forwarding.py). Threads: pure.
Source: ngx_http_upstream_hash_module.c: 160 points a server, crc32(HOST \0 PORT PREVIOUS_POINT).
"""

from bisect import bisect_left
from collections.abc import Iterable
from functools import lru_cache
from zlib import crc32

import msgspec

# Points of one node, as nginx has them for a server of weight 1. Each of two nodes has 47 to 53 % of the sessions.
POINTS = 160


class Member(msgspec.Struct, frozen=True):
    """A living node that takes messages of others. `address` is its place on the ring: its name at the balancer.

    `mail_key` signs messages to it.
    """

    name: str
    address: str
    mail_key: bytes = b""


class Ring:
    """The nodes that share the sessions.

    ring = Ring((Member("a", "10.0.0.1:3000"), Member("b", "10.0.0.2:3000")))
    ring.find_owner("omi:ada")      # the member, or None if there are none
    """

    __slots__ = ("_owners", "_points", "members")

    def __init__(self, members: Iterable[Member] = ()) -> None:
        self.members = tuple(sorted(members, key=lambda member: member.address))
        # Of two equal points nginx keeps the first; a node's points are in the order of its address here.
        by_point: dict[int, Member] = {}
        for member in self.members:
            for point in _points_of(member.address):
                by_point.setdefault(point, member)
        self._points = sorted(by_point)
        self._owners = [by_point[point] for point in self._points]

    def find_owner(self, session_key: str) -> Member | None:
        """Return the owner of this session; None if there are no nodes."""
        if not self._points:
            return None
        place = bisect_left(self._points, hash_key(session_key))
        return self._owners[place if place < len(self._points) else 0]

    def without(self, names: Iterable[str]) -> "Ring":
        """Return the ring of the other nodes."""
        left = frozenset(names)
        return Ring(member for member in self.members if member.name not in left)


def hash_key(session_key: str) -> int:
    """Return the place of a session on the ring: that of the id in its key, which is a wearer's uid."""
    return crc32(session_key.partition(":")[2].encode("utf-8", "surrogatepass"))


@lru_cache(maxsize=4096)
def _points_of(address: str) -> tuple[int, ...]:
    """Return the points of one node: nginx reads `host:port` and `unix:/path`, and takes other words as a host."""
    path = address.removeprefix("unix:") if address.startswith("unix:") else ""
    host, colon, port = address.rpartition(":")
    if path or not colon or not (port.isascii() and port.isdecimal()):
        host, port = path or address, ""
    base = crc32(port.encode(), crc32(b"\0", crc32(host.encode())))
    points, previous = [], b"\0\0\0\0"
    for _ in range(POINTS):
        point = crc32(previous, base)
        points.append(point)
        previous = point.to_bytes(4, "little")
    return tuple(points)
