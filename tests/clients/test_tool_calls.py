"""Calls of tools in the shapes that servers give them, and fields of programs that a server refuses."""

import json
from typing import Any

import pytest

from omi_actors.clients.completion_request import RequestOptions, RequestShape
from omi_actors.clients.completion_stream import CompletionReader
from omi_actors.clients.tool_calls import ToolCalls
from omi_actors.domain.answers.prompt import Prompt, PromptMessage, shorten_prompt
from omi_actors.errors import UpstreamEmptyError, UpstreamRejectedError


def piece(name="", arguments: object = "", **more):
    return {"function": {"name": name, "arguments": arguments}, **more}


SHAPES = [
    [piece("light", "", index=0, id="c1"), piece(arguments='{"on":', index=0), piece(arguments="1}", index=0)],
    [piece("light", '{"on":1}', id="c1")],
    [piece("light", {"on": 1}, id="c1", index=0)],
    [piece("light", None, id="c1", index=0), piece("light", '{"on":1}', index=0)],
]


@pytest.mark.parametrize("pieces", SHAPES, ids=range(len(SHAPES)))
def test_call_of_a_tool_is_put_together(pieces):
    calls = ToolCalls()
    for one in pieces:
        calls.take([one])

    function = {"name": "light", "arguments": '{"on":1}'}
    assert calls.form() == [{"id": "c1", "type": "function", "function": function}]


def test_calls_without_number_and_id_are_separate_and_get_ids():
    calls = ToolCalls()
    calls.take([piece("light", "{}"), piece("blind", "{}"), {"type": "function"}])

    first, second = calls.form()
    assert (first["function"]["name"], second["function"]["name"]) == ("light", "blind")
    assert first["id"] != second["id"]


def stream(*deltas, end):
    chunks: list[dict[str, Any]] = [{"choices": [{"delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append(
        {"choices": [{"delta": {}, "finish_reason": end}], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}
    )
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks).encode() + b"data: [DONE]\n\n"


def test_only_a_programs_answer_may_be_calls_alone():
    data = stream({"tool_calls": [piece("light", "{}", id="c1", index=0)]}, end="tool_calls")
    for_program, for_person = CompletionReader(9, is_verbatim=True), CompletionReader(9)
    for_program.feed(data)
    for_person.feed(data)

    assert (for_program.finish()[0], len(for_program.calls.form()), for_program.counts) == ("", 1, (3, 4))
    with pytest.raises(UpstreamEmptyError):
        for_person.finish()


def test_programs_answer_that_was_cut_is_not_trimmed():
    reader = CompletionReader(500, is_verbatim=True)
    reader.feed(stream({"content": "One. Two. Thr"}, end="length"))

    assert (reader.finish()[0], reader.is_cut) == ("One. Two. Thr", True)


def asked(**options):
    return Prompt("x", (PromptMessage("system", "s"), PromptMessage("user", "x")), 5, options)


def refused(*names):
    return UpstreamRejectedError("no", code="parameter_refused", parameters=names)


def test_sampling_that_a_server_refuses_is_left_out_from_then_on():
    shape = RequestShape("x", RequestOptions(temperature=0.7), is_openai=False)
    prompt = asked(temperature=0.1, top_p=0.5)

    assert shape.build(prompt)["temperature"] == 0.1
    assert shape.learn(refused("temperature"), shape.form, prompt.options)
    assert {"temperature", "top_p"} & shape.build(prompt).keys() == {"top_p"}


@pytest.mark.parametrize("names", [("tools",), ("response_format",), ()])
def test_refusal_of_what_only_the_program_sent_is_the_programs_and_changes_nothing(names):
    shape = RequestShape("x", RequestOptions(), is_openai=False)
    form = shape.form

    assert not shape.learn(refused(*names), form, asked(tools=[], response_format={}).options)
    assert shape.form == form


def test_programs_conversation_is_not_shortened():
    assert shorten_prompt(asked()) is None
