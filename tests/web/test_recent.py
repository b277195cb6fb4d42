"""What was used lately is kept, within its bytes, for two minutes."""

from tests.backplane.conftest import eventually
from web import recent
from web.recent import Recent


async def test_what_is_used_stays_when_there_are_too_many_bytes():
    kept: Recent[int, str] = Recent(10_000)
    for number in range(1_000):
        kept.put(number, "value", 90)
        assert kept.get(0) == "value"
        assert len(kept) * 90 <= 10_000

    assert kept.get(1) is None
    assert kept.get(999) == "value"


async def test_large_value_is_not_kept():
    kept: Recent[int, str] = Recent(10_000)

    kept.put(1, "value", 101)

    assert kept.get(1) is None


async def test_what_is_not_used_is_forgotten(monkeypatch):
    monkeypatch.setattr(recent, "_KEEP_S", 0.0)
    kept: Recent[int, str] = Recent(10_000)

    kept.put(1, "value", 9)

    assert kept.get(1) == "value"
    await eventually(lambda: not len(kept))
    kept.put(2, "value", 9)  # and it is forgotten again
    await eventually(lambda: not len(kept))
