"""Each space changes an answer in the way that docs/spaces.md says."""

from pathlib import Path

import pytest

from omi_actors.domain.answers.prompt import (
    DEFAULT,
    SPACES,
    Asking,
    EarlierMessage,
    PromptLimits,
    TranscriptLine,
    build_prompt,
    find_space,
)

DOCUMENT = Path(__file__).parents[2] / "docs" / "spaces.md"
SAID_AT = 1_790_000_000.0  # 2026-09-21 14:13 UTC


def segments(count, chars=95):
    return [TranscriptLine("ANNA", f"{n} ".ljust(chars, "x"), SAID_AT) for n in range(count)]


def history_of(count):
    return [EarlierMessage("assistant", f"{n} ".ljust(99, "y")) for n in range(count)]


def prompt_in(name, transcript=(), history=()):
    space = SPACES[name]
    return build_prompt(
        "what now?", transcript[-space.segments :], history, PromptLimits(2_000, 50), Asking(space=space)
    )


def heard_lines(prompt):
    return prompt.messages[1].text.split("\n")[1:-1]


def test_spaces_are_those_of_the_schema_in_their_order():
    assert list(SPACES) == ["default", "todos", "memories", "tasks", "agent", "friends", "notifications"]
    assert find_space("nowhere") is DEFAULT


def test_default_adds_nothing():
    plain, default = build_prompt("what now?", segments(9), []), prompt_in("default", segments(9))

    assert plain.messages == default.messages
    assert SPACES["default"].instruction == ""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("todos", ("next", "begins with a verb")),
        ("tasks", ("next steps", "who does it and until when")),
        ("memories", ("recall", "when it was said")),
        ("agent", ("step by step", "what you have done", "more than three sentences")),
        ("friends", ("who said what", "name the speaker")),
        ("notifications", ("one sentence", "twenty words")),
    ],
)
def test_space_tells_the_model_what_it_is_for(name, words):
    instructions = prompt_in(name).messages[0].text

    assert all(word in instructions for word in words)
    assert instructions.startswith(prompt_in("default").messages[0].text)


def test_memories_say_when_and_reach_further_back():
    lines = heard_lines(prompt_in("memories", segments(240, chars=9)))
    default = heard_lines(prompt_in("default", segments(240, chars=9)))

    assert lines[-1].startswith("[2026-09-21 14:13 UTC] ANNA: 239 ")
    assert not default[-1].startswith("[")
    assert len(lines) > 2 * len(default)


def test_friends_hear_more_of_the_talk():
    assert len(heard_lines(prompt_in("friends", segments(240, 9)))) > len(
        heard_lines(prompt_in("default", segments(240)))
    )


def test_agent_remembers_more_of_its_own_messages():
    assert len(prompt_in("agent", history=history_of(50)).messages) > len(
        prompt_in("default", history=history_of(50)).messages
    )


def test_notifications_take_little():
    little, much = (prompt_in(name, segments(60), history_of(20)) for name in ("notifications", "default"))

    assert len(heard_lines(little)) < len(heard_lines(much))
    assert len(little.messages) < len(much.messages)


def build_row(space):
    effect = space.instruction or "nothing: the general instructions alone"
    transcript = f"{space.segments} segments{', each line with its time' if space.has_times else ''}"
    return f"| `{space.name}` | {effect} | {space.room:.0%} | {space.history_share:.0%} | {transcript} |"


@pytest.mark.parametrize("space", SPACES.values(), ids=lambda space: space.name)
def test_document_shows_the_space_as_it_is(space):
    assert build_row(space) in DOCUMENT.read_text().splitlines()
