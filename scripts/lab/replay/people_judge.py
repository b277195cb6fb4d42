"""Judgement of persons' changes: compare the deeds of the accept log with what the server keeps of each person.

A thing may have the last acknowledged value, or one that was sent after it and not acknowledged; no other.
Not here: the persons (people.py), reading what is kept (people_kept.py). Threads: any; pure.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from scripts.lab.replay.accept_log import Deed

# A value that the person does not know beforehand, such as the text of an answer.
ANY = "*"

# A thing of a person: the person, its kind, its key.
Thing = tuple[str, str, str]
# All values under which the server keeps a thing; none: it is not there.
Kept = Mapping[Thing, Sequence[str]]


@dataclass(slots=True)
class _Expected:
    """Values that a thing may have, and those that it could have before its last change."""

    values: set[str | None] = field(default_factory=lambda: {None})
    before: set[str | None] = field(default_factory=set)
    last: Deed | None = None

    def follow(self, deed: Deed) -> None:
        """Take the next line of the log."""
        if deed.is_acknowledged:
            self.values = {deed.value}
        elif deed.change != (self.last and self.last.change):
            self.before = set(self.values)
            self.values.add(deed.value)
        self.last = deed

    def allows(self, value: str) -> bool:
        """Return True if the thing may have this value."""
        return value in self.values or ANY in self.values


@dataclass(slots=True)
class PeopleVerdict:
    """Counts of changes, and errors as `person/kind/key`.

    `open` changes were never acknowledged; each is there wholly, or not at all. `repeated` changes were sent again.
    `refused` changes got a reply that they should not get.
    """

    changes: int = 0
    acknowledged: int = 0
    things: int = 0
    open: int = 0
    repeated: int = 0
    # Acknowledged changes of things, and deletions, by kind.
    kinds: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    stored_twice: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)
    came_back: list[str] = field(default_factory=list)
    half_stored: list[str] = field(default_factory=list)
    never_sent: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def is_kept(self) -> bool:
        """Return True if all is as it was acknowledged."""
        return not self.wrongs()

    def wrongs(self) -> list[str]:
        """Return all errors, each with its kind."""
        return [f"people, {kind.replace('_', ' ')}: {name}" for kind in _ERRORS for name in getattr(self, kind)]

    def figures(self) -> dict[str, object]:
        """Return the counts by name."""
        counts = {
            name: getattr(self, name) for name in ("changes", "acknowledged", "repeated", "open", "things", "kinds")
        }
        return {f"people_{name}": value for name, value in counts.items()} | {
            f"people_{name}": len(getattr(self, name)) for name in _ERRORS
        }


_ERRORS = ("lost", "stored_twice", "altered", "came_back", "half_stored", "never_sent", "refused")


def judge_people(deeds: Iterable[Deed], kept: Kept, *, refused: Sequence[str] = (), repeated: int = 0) -> PeopleVerdict:
    """Compare the log of persons' deeds with what is kept."""
    expected: defaultdict[Thing, _Expected] = defaultdict(_Expected)
    changes: defaultdict[int, list[Deed]] = defaultdict(list)
    acknowledged = set()
    kinds: Counter[str] = Counter()
    for deed in deeds:
        expected[deed.person, deed.what, deed.key].follow(deed)
        changes[deed.change].append(deed)
        if deed.is_acknowledged:
            acknowledged.add(deed.change)
            kinds[deed.what if deed.value is not None else f"{deed.what} deleted"] += 1
    verdict = PeopleVerdict(
        changes=len(changes),
        acknowledged=len(acknowledged),
        things=len(expected),
        repeated=repeated,
        kinds=dict(sorted(kinds.items())),
        refused=list(refused),
    )
    for thing, one in expected.items():
        _judge_thing(verdict, "/".join(thing), one, kept.get(thing, ()))
    verdict.never_sent = sorted("/".join(thing) for thing, values in kept.items() if values and thing not in expected)
    for change in changes.keys() - acknowledged:
        verdict.open += 1
        verdict.half_stored += _find_halves(changes[change], expected, kept)
    return verdict


def _judge_thing(verdict: PeopleVerdict, name: str, expected: _Expected, found: Sequence[str]) -> None:
    if len(found) > 1:
        verdict.stored_twice.append(name)
    elif not found and None not in expected.values:
        verdict.lost.append(name)
    elif found and expected.values == {None}:
        verdict.came_back.append(name)
    elif found and not expected.allows(found[0]):
        verdict.altered.append(name)


def _find_halves(deeds: Sequence[Deed], expected: Mapping[Thing, _Expected], kept: Kept) -> list[str]:
    """Return the first thing of an open change of which a part was stored, and a part was not."""
    done = set()
    for deed in deeds:
        thing = (deed.person, deed.what, deed.key)
        one, found = expected[thing], kept.get(thing, ())
        # A later change, or one value for both ends, hides whether this one was stored.
        if one.last is None or one.last.change != deed.change or deed.value in one.before:
            continue
        done.add(not found if deed.value is None else bool(found) and deed.value in (found[0], ANY))
    return [f"{deeds[0].person}/{deeds[0].what}/{deeds[0].key}"] if len(done) > 1 else []
