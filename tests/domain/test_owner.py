"""The ring of nodes: everybody finds the same owner, and few sessions move when a node comes or goes."""

from collections import Counter
from zlib import crc32

import pytest

from omi_actors.domain.sessions.owner import POINTS, Member, Ring, hash_key

KEYS = [f"omi:wearer-{number}" for number in range(20_000)]


def ring_of(count):
    return Ring(Member(f"node-{number}", f"10.0.0.{number}:3000") for number in range(count))


def owners_in(ring):
    return [ring.find_owner(key).name for key in KEYS]


@pytest.mark.parametrize("count", [2, 3, 10])
def test_new_node_takes_its_share_and_moves_nothing_else(count):
    before, after = owners_in(ring_of(count)), owners_in(ring_of(count + 1))

    moved = [new for old, new in zip(before, after, strict=True) if old != new]

    assert set(moved) == {f"node-{count}"}
    assert len(moved) / len(KEYS) == pytest.approx(1 / (count + 1), rel=0.2)


def test_sessions_of_a_node_that_is_gone_go_to_the_others_and_no_other_moves():
    ring = ring_of(5)
    before, after = owners_in(ring), owners_in(ring.without(["node-2"]))

    moved = {(old, new) for old, new in zip(before, after, strict=True) if old != new}

    assert {old for old, _ in moved} == {"node-2"}
    assert {new for _, new in moved} == {"node-0", "node-1", "node-3", "node-4"}


def test_nodes_have_about_equal_shares():
    shares = Counter(owners_in(ring_of(3)))

    assert max(shares.values()) / min(shares.values()) < 1.3


def test_order_of_the_nodes_does_not_matter():
    members = ring_of(4).members

    assert owners_in(Ring(reversed(members))) == owners_in(Ring(members))


def test_without_nodes_there_is_no_owner():
    assert Ring().find_owner("omi:ada") is None


def test_place_of_a_wearer_is_the_one_of_the_uid_alone():
    assert hash_key("omi:ada") == crc32(b"ada")


@pytest.mark.parametrize(
    ("address", "base"),
    [
        ("10.0.0.1:3000", b"10.0.0.1\x003000"),
        ("node-a", b"node-a\x00"),
        ("node.example.org", b"node.example.org\x00"),
        ("unix:/run/omi.sock", b"/run/omi.sock\x00"),
    ],
)
def test_points_of_an_address_are_those_of_nginx(address, base):
    ring, previous, points = Ring([Member("n", address)]), b"\0\0\0\0", []
    for _ in range(POINTS):
        points.append(crc32(base + previous))
        previous = points[-1].to_bytes(4, "little")

    assert ring._points == sorted(points)
