"""The section of actors: states, mailboxes, the age of the oldest message, crashes, and sessions in one row."""

import pytest
from structlog.testing import capture_logs

from omi_actors.actors.session.router import LiveSession, LiveSessions
from omi_actors.errors import NotFoundError
from omi_actors.kit.handle import Handle
from omi_actors.kit.spec import ChildSpec
from omi_actors.status.actors import Actors
from tests.kit.support import Do, Puppet, Tree, new_future

UID = "vT5mQ2rJx8NnPzK4eWcLh7sYb1D3"


@pytest.fixture
def tree():
    return Tree(["janitor", "indexer"])


@pytest.fixture
def live():
    return LiveSessions()


@pytest.fixture
def actors(tree, live):
    groups = [(tree.supervisor, list(tree.children.values()))]
    return Actors(groups, live, tree.runtime.crash_log, tree.runtime.clock)


def rows(actors):
    """Return the group's row, and its children's by name."""
    (group,) = actors.look()
    return group, {row["path"].rpartition("/")[2]: row for row in group["children"]}


async def never():
    await new_future()


def test_tree_shows_each_child_below_its_group(actors):
    group, children = rows(actors)

    assert (group["path"], group["canRestart"]) == ("supervisor", False)
    assert list(children) == ["janitor", "indexer", "sessions"]
    janitor = children["janitor"]
    assert (janitor["path"], janitor["state"], janitor["mailbox"]) == ("supervisor/janitor", "running", 0)
    assert (janitor["oldestMs"], janitor["crashes"], janitor["restarts"], janitor["lastError"]) == (None, 0, 0, "")
    assert janitor["canRestart"]


def test_crash_and_restart_are_counted_with_the_errors_place(actors, tree):
    with capture_logs():
        tree.crash("janitor", ValueError("what somebody said"))

    _, children = rows(actors)

    janitor = children["janitor"]
    assert (janitor["crashes"], janitor["restarts"], janitor["state"]) == (1, 1, "running")
    assert janitor["lastError"].startswith("ValueError in kit/support.py:")
    assert "somebody" not in str(children)


def test_oldest_message_ages_from_the_look_that_found_it_first(actors, tree):
    tree["janitor"].tell(Do(lambda _actor: never()))  # a turn that does not end
    tree["janitor"].tell("waits")
    tree.runtime.run()
    assert rows(actors)[1]["janitor"]["oldestMs"] == 0

    tree.runtime.advance(3.0)
    stuck = rows(actors)[1]["janitor"]
    assert (stuck["oldestMs"], stuck["mailbox"]) == (3000, 1)

    tree.tell("indexer", "quick")
    tree.runtime.advance(1.0)
    assert rows(actors)[1]["indexer"]["oldestMs"] is None


def make_session(tree, live, key, waiting):
    handle = Handle(ChildSpec(key, "session", Puppet), tree.runtime)
    live.by_key[key] = LiveSession(handle, 0.0)
    for _ in range(waiting):
        handle.tell("a sentence")
    return handle


def test_sessions_are_one_row_with_the_busiest_below_and_no_uid(actors, tree, live):
    for number in range(8):
        make_session(tree, live, f"omi:{UID}{number}", waiting=number)

    sessions = rows(actors)[1]["sessions"]

    assert (sessions["mailbox"], sessions["words"]) == (28, "8 in memory")
    assert [row["mailbox"] for row in sessions["children"]] == [7, 6, 5, 4, 3]
    assert UID not in str(sessions)
    assert "a sentence" not in str(sessions)


def test_many_sessions_are_counted_over_several_looks(actors, tree, live):
    for number in range(5_000):
        make_session(tree, live, f"s:{number}", waiting=1 if number >= 4_990 else 0)

    seen = [rows(actors)[1]["sessions"]["mailbox"] for _ in range(3)]
    assert seen == [0, 0, 10]
    for session in live.by_key.values():
        session.handle.mailbox.clear()
    assert rows(actors)[1]["sessions"]["mailbox"] == 0


async def test_unknown_path_is_not_restarted(actors):
    for path in ("", "supervisor", "supervisor/sessions", "supervisor/nobody", "other/janitor"):
        with pytest.raises(NotFoundError):
            await actors.restart(path)


def test_crashes_of_sessions_stand_in_their_row(actors, tree):
    with capture_logs():
        tree.runtime.crash_log.write("session", f"omi:{UID}", ValueError("text"))

    sessions = rows(actors)[1]["sessions"]

    assert (sessions["crashes"], sessions["lastError"]) == (1, "ValueError in no place")
