"""Prompts of programs' conversations: instructions, memories, and what of a long conversation is sent."""

import pytest

from omi_actors.domain.answers.completions import Completion, CompletionLimits, build_completion_prompt
from omi_actors.domain.answers.prompt import PromptMessage, RecalledLine
from omi_actors.errors import ContextTooLongError

LONG = "word " * 200
LIMITS = CompletionLimits()


def user(text):
    return PromptMessage("user", text)


def build(*messages, recalled=(), space="default", limits=LIMITS, **more):
    return build_completion_prompt(Completion(space=space, messages=messages, **more), recalled, limits)


def texts(prompt):
    return [one.text for one in prompt.messages[1:]]


def test_instructions_of_the_program_stand_under_ours_wherever_it_put_them():
    prompt = build(
        PromptMessage("system", "Be brief."), user("a"), PromptMessage("system", "In rhymes."), space="todos"
    )

    ours, _, theirs = prompt.messages[0].text.partition("The program gave these instructions.")
    assert ours.startswith("You are Omi")
    assert "things to do" in ours
    assert theirs.endswith("Be brief.\n\nIn rhymes.")
    assert texts(prompt) == ["a"]


def test_memories_come_before_the_conversation():
    prompt = build(user("a"), recalled=(RecalledLine(1, "basil", 0.0),))

    assert texts(prompt) == ["BEGIN MEMORIES\n[1970-01-01] basil\nEND MEMORIES", "a"]
    assert "BEGIN MEMORIES" in prompt.messages[0].text


def test_oldest_turns_of_a_long_conversation_are_left_out_with_their_results_of_tools():
    call = PromptMessage("assistant", "", {"tool_calls": [{"id": "c1"}], "content": None})
    result = PromptMessage("tool", LONG, {"tool_call_id": "c1"})
    limits = CompletionLimits(context_tokens=300)

    prompt = build(user("old"), call, result, user("new"), PromptMessage("assistant", "b"), user("last"), limits=limits)

    assert texts(prompt) == ["new", "b", "last"]


def test_last_turn_that_does_not_fit_is_refused():
    with pytest.raises(ContextTooLongError):
        build(user(LONG), limits=CompletionLimits(context_tokens=300))


@pytest.mark.parametrize(("wanted", "limit"), [(None, 100), (50, 50), (500, 100)])
def test_answer_has_the_programs_limit_up_to_the_servers(wanted, limit):
    prompt = build(user("a"), limits=CompletionLimits(max_tokens=100), max_tokens=wanted)

    assert prompt.max_tokens == limit


def test_question_is_the_last_message_of_the_user_and_new_unless_a_result_follows():
    asked = Completion(space="default", messages=(user("a"), PromptMessage("assistant", "b"), user("c")))
    result = Completion(space="default", messages=(*asked.messages, PromptMessage("tool", "d")))

    assert (asked.question, asked.is_new_question, asked.earlier_answer) == ("c", True, "b")
    assert (result.question, result.is_new_question) == ("c", False)
