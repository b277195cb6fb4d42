import random
from pathlib import Path

import pytest

from scripts.lab.power.disk import SECTOR, Disk, Unsynced
from scripts.lab.power.trace import FolderMade, Linked, Opened, Removed, Renamed, Synced, Truncated, Written

SYNCED = 10**9


@pytest.fixture
def cut(tmp_path):
    numbers = iter(range(10_000))

    def cut(events, unsynced, seed=0):
        """Return what is left of the files after these events: their contents by path."""
        disk = Disk(Path("/disk"))
        for event in events:
            disk.apply(event)
        folder = tmp_path / str(next(numbers))
        disk.cut(folder, unsynced, random.Random(seed))
        return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}

    return cut


NEW = [Opened("/disk/a", False), Written("/disk/a", 0, b"old"), Synced("/disk/a", SYNCED), Synced("/disk", SYNCED)]


def test_what_is_not_synced_is_kept_or_lost(cut):
    events = [*NEW, Written("/disk/a", 1, b"EW!")]

    assert cut(events, Unsynced.KEPT) == {"a": b"oEW!"}
    assert cut(events, Unsynced.LOST) == {"a": b"old"}
    assert cut([*events, Synced("/disk/a", SYNCED)], Unsynced.LOST) == {"a": b"oEW!"}


def test_sync_does_not_cover_what_was_written_while_it_ran(cut):
    events = [*NEW, Written("/disk/a", 0, b"X"), Written("/disk/a", 1, b"Y"), Synced("/disk/a", 5)]

    assert cut(events, Unsynced.LOST) == {"a": b"Xld"}


def test_torn_file_has_of_each_sector_all_changes_up_to_one(cut):
    size = 8 * SECTOR
    events = [*NEW, Written("/disk/a", 0, b"1" * size), Written("/disk/a", 100, b"2" * (size - 100))]

    left = [cut(events, Unsynced.TORN, seed)["a"] for seed in range(60)]

    sectors = {bytes(one[at : at + SECTOR]) for one in left for at in range(SECTOR, size, SECTOR)}
    assert {b"1" * SECTOR, b"2" * SECTOR, bytes(SECTOR)} <= sectors
    assert sectors <= {b"1" * SECTOR, b"2" * SECTOR, bytes(SECTOR), b""}
    firsts = {one[:SECTOR] for one in left}
    assert b"1" * 100 + b"2" * (SECTOR - 100) in firsts
    assert all(one[:3] in (b"old", b"111") for one in left)
    assert len(set(left)) > 20


def test_file_whose_folder_is_not_synced_is_lost_or_kept(cut):
    events = [FolderMade("/disk/data"), Opened("/disk/data/a", True), Written("/disk/data/a", None, b"x")]
    events += [Synced("/disk/data/a", SYNCED)]

    assert cut(events, Unsynced.KEPT) == {"data/a": b"x"}
    assert cut(events, Unsynced.LOST) == {}
    assert cut([*events, Synced("/disk/data", SYNCED)], Unsynced.LOST) == {}
    assert cut([*events, Synced("/disk/data", SYNCED), Synced("/disk", SYNCED)], Unsynced.LOST) == {"data/a": b"x"}


def test_names_survive_in_their_order(cut):
    draft = [Opened("/disk/new", True), Written("/disk/new", None, b"new"), Synced("/disk/new", SYNCED)]
    events = [*NEW, *draft, Linked("/disk/a", "/disk/b"), Renamed("/disk/new", "/disk/a"), Removed("/disk/b")]

    left = [cut(events, Unsynced.TORN, seed) for seed in range(40)]

    old, new = {"a": b"old"}, {"a": b"new"}
    states = [old, {**old, "new": b"new"}, {**old, "new": b"new", "b": b"old"}, {**new, "b": b"old"}, new]
    assert all(one in states for one in left)
    assert all(state in left for state in states)


def test_truncated_file_ends_there_or_not_and_appending_continues_at_the_present_end(cut):
    events = [*NEW, Truncated("/disk/a", 1), Written("/disk/a", None, b"X")]

    assert cut(events, Unsynced.KEPT) == {"a": b"oX"}
    assert cut(events, Unsynced.LOST) == {"a": b"old"}


def test_shared_memory_is_not_rebuilt(cut):
    events = [Opened("/disk/x-shm", True), Written("/disk/x-shm", 0, b"x"), *NEW]

    assert cut(events, Unsynced.KEPT) == {"a": b"old"}
