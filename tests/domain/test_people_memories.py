"""Memories: what a conversation of Omi becomes, and what comes from its API."""

from typing import Any

import pytest

from omi_actors.domain.people.memories import (
    MAX_CHARS,
    NewMemory,
    build_conversation_key,
    build_memory_key,
    clean_text,
    compose_conversation,
    is_from_omi,
    key_beginnings,
    read_omi_memory,
)

UID = "vT5mQ2rJx8"
KEPT, HEARD = key_beginnings(UID)
ACTIONS = [{"description": "a"}, {"description": "b"}, {"description": "c"}]
SAID = [{"text": " one "}, {"text": "two\nthree"}, {"speaker": "x"}, None]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"structured": {"emoji": "x", "title": "T", "overview": "O", "action_items": ACTIONS}}, "x T: O Action: a; b"),
        ({"structured": {"emoji": "x", "title": "T"}}, "x T"),
        ({"structured": {"overview": "O"}}, "O"),
        ({"structured": {"emoji": "x", "title": "", "overview": ""}, "transcript_segments": SAID}, "one two three"),
        ({"structured": {"emoji": "x"}}, "x"),
        ({"structured": None, "transcript_segments": SAID}, "one two three"),
        ({"structured": {"title": " a \n b "}}, "a b"),
        ({"structured": {"title": "y" * 600}}, "y" * 497 + "..."),
    ],
)
def test_a_conversation_becomes_one_line(body: dict[str, Any], text: str) -> None:
    memory = compose_conversation(body | {"id": "c1"}, UID)

    assert memory == NewMemory(text=text, dedupe_key=build_conversation_key(UID, "c1"), key_beginning=HEARD)


@pytest.mark.parametrize(
    "body",
    [
        None, [], "x", {}, {"discarded": True, "structured": {"title": "T"}}, {"structured": 5},
        {"structured": {"title": ["T"]}}, {"transcript_segments": "text"}, {"transcript_segments": [{"text": "  "}]},
        {"structured": {"title": "\0"}},
    ],
)  # fmt: skip
def test_a_conversation_without_words_becomes_nothing(body: Any) -> None:
    assert compose_conversation(body, UID) is None


def test_a_conversation_without_an_id_is_known_by_its_text_only() -> None:
    memory = compose_conversation({"structured": {"title": "T"}, "id": 7}, UID)

    assert memory == NewMemory(text="T", key_beginning=HEARD)


def test_memories_of_omi_keep_their_ids_and_times() -> None:
    item = {"id": "m1", "content": " Likes tea ", "created_at": "2026-01-01T00:00:00Z"}

    assert read_omi_memory(item, UID) == NewMemory(
        text="Likes tea", dedupe_key=build_memory_key(UID, "m1"), key_beginning=KEPT, created_at=1_767_225_600.0
    )
    long = read_omi_memory({"text": "x" * (MAX_CHARS + 9)}, UID)
    assert long == NewMemory(text="x" * MAX_CHARS, key_beginning=KEPT)


@pytest.mark.parametrize(
    ("written", "at"),
    [("2026-01-01T01:00:00+01:00", 1_767_225_600.0), ("2026-01-01", 1_767_225_600.0), ("1066-01-01", None),
     ("9999-12-31T23:59:59.9999Z", None),
     ("soon", None), (5, None), (None, None)],
)  # fmt: skip
def test_times_of_omi_have_a_zone_or_are_utc(written: Any, at: float | None) -> None:
    memory = read_omi_memory({"content": "x", "created_at": written}, UID)

    assert memory is not None
    assert memory.created_at == at


@pytest.mark.parametrize("item", [None, 5, {}, {"content": ""}, {"content": 3}, {"content": "\0 "}])
def test_a_memory_of_omi_without_a_text_is_none(item: Any) -> None:
    assert read_omi_memory(item, UID) is None


def test_keys_tell_omis_memories_from_its_conversations_and_from_a_persons_own() -> None:
    assert build_memory_key(UID, "1") != build_conversation_key(UID, "1")
    assert is_from_omi(build_memory_key(UID, "1"))
    assert not is_from_omi("0190-uuid")
    assert len(build_memory_key(UID, "x" * 10_000)) < 100


def test_keys_of_odd_ids_are_plain_and_differ() -> None:
    odd = ["a\0", "a\ud800", "a\udfff", "\ud800" * 100, "a"]
    keys = {build_memory_key(UID, one) for one in odd}

    assert len(keys) == len(odd)
    assert all(key == clean_text(key) for key in keys)


def test_a_text_loses_what_no_database_takes() -> None:
    assert clean_text(" a\0b \ud800c\n") == "ab c"
