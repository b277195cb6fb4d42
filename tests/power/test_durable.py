"""config/durable.py under power cuts at every moment of a real, traced process."""

import random

import pytest

from scripts.lab.power.disk import Disk, Unsynced
from tests.power.traced import run_traced

REPLACES = """
from pathlib import Path
from config.durable import make_folder, replace_file
folder = Path(root) / "deep" / "data"
make_folder(folder)
replace_file(folder / "file", b"old" * 1000)
(Path(root) / "mark").touch()
replace_file(folder / "file", b"new" * 1000)
"""


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    folder = tmp_path_factory.mktemp("traced")
    (folder / "disk").mkdir()
    return folder / "disk", run_traced(folder, folder / "disk", REPLACES)


@pytest.mark.parametrize("unsynced", Unsynced)
def test_replaced_file_is_the_earlier_or_the_later_one_after_every_cut(events, tmp_path, unsynced):
    root, all_events = events
    disk, is_promised, found = Disk(root), False, []
    for number, event in enumerate([*all_events, None]):
        into = tmp_path / str(number)
        disk.cut(into, unsynced, random.Random(number))
        file = into / "deep" / "data" / "file"
        found.append(file.read_bytes()[:3] if file.exists() else None)
        assert found[-1] in (b"old", b"new", None)
        assert found[-1] is None or len(file.read_bytes()) == 3000
        assert found[-1] is not None or not is_promised
        if event is not None:
            is_promised |= event.path.endswith("mark")
            disk.apply(event)

    assert found[0] is None
    assert found[-1] == b"new"
