"""Names of things: unique, and of the form that they claim."""

import uuid

from omi_actors.ids import new_id, new_request_id


def test_id_is_a_uuid_of_version_7_and_no_other():
    ids = [new_id() for _ in range(1_000)]

    assert {uuid.UUID(one).version for one in ids} == {7}
    assert {uuid.UUID(one).variant for one in ids} == {uuid.RFC_4122}
    assert len(set(ids)) == 1_000


def test_ids_of_later_milliseconds_sort_later(monkeypatch):
    times = iter([1_790_000_000_000_000_000, 1_790_000_000_001_000_000])
    monkeypatch.setattr("omi_actors.ids.time.time_ns", lambda: next(times))

    assert new_id() < new_id()


def test_request_ids_are_16_hex_characters_and_no_two_alike():
    ids = [new_request_id() for _ in range(1_000)]

    assert all(len(one) == 16 and int(one, 16) for one in ids)
    assert len(set(ids)) == 1_000
