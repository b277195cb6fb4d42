"""A streamed completion counts only when it is whole."""

import pytest

from omi_actors.clients.completion_stream import CompletionReader
from omi_actors.errors import UpstreamRejectedError, UpstreamUnavailableError


def read(*lines):
    reader = CompletionReader()
    reader.feed("\n".join(lines).encode())
    return reader.finish()


def chunk(content):
    return f'data: {{"choices":[{{"delta":{{"content":"{content}"}}}}],"usage":null}}'


@pytest.mark.parametrize("end", ["data: [DONE]", 'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}'])
def test_pieces_are_one_answer_once_the_end_was_seen(end):
    assert read(": comment", "", chunk("The "), chunk("moon."), end) == "The moon."


@pytest.mark.parametrize(
    "lines",
    [
        [chunk("Half a sent")],
        [],
        ["data: [DONE]"],
        [chunk("x"), "data: {not json", "data: [DONE]"],
        [chunk("x"), 'data: {"error":{"message":"overloaded"}}'],
        ['data: {"choices":"rubbish"}', "data: [DONE]"],
    ],
)
def test_answer_that_is_cut_empty_or_rubbish_is_none(lines):
    with pytest.raises(UpstreamUnavailableError):
        read(*lines)


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (['data: {"choices":[{"delta":{},"finish_reason":"length"}]}'], "thought_too_long"),
        ([chunk("Well, "), 'data: {"choices":[{"delta":{},"finish_reason":"content_filter"}]}'], "content_refused"),
        (['data: {"choices":[{"delta":{"refusal":"No."},"finish_reason":"stop"}]}'], "content_refused"),
    ],
)
def test_refusal_and_endless_thought_are_told_apart_from_an_empty_answer(lines, code):
    with pytest.raises(UpstreamRejectedError) as caught:
        read(*lines, "data: [DONE]")

    assert caught.value.code == code


def test_answer_that_reached_its_limit_is_one():
    assert read(chunk("A long"), 'data: {"choices":[{"delta":{},"finish_reason":"length"}]}') == "A long"


@pytest.mark.parametrize(
    ("usage", "tokens"), [('{"total_tokens":42}', 42), ("null", 0), ('"many"', 0), ('{"total_tokens":1.5}', 0)]
)
def test_cost_is_read_where_it_is_told_and_no_answer_is_lost_over_it(usage, tokens):
    reader = CompletionReader()
    for line in (chunk("The moon."), f'data: {{"choices":[],"usage":{usage}}}', "data: [DONE]"):
        reader.feed(f"{line}\n".encode())

    assert (reader.finish(), reader.tokens) == ("The moon.", tokens)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r", "\n\n"])
@pytest.mark.parametrize("size", [1, 2, 7, 1_000])
def test_bytes_may_come_in_any_pieces(size, line_end):
    data = line_end.join([": comment", chunk("Tschüß, "), chunk("🌙."), "data: [DONE]"]).encode()
    reader = CompletionReader()

    added = "".join(reader.feed(data[at : at + size]) for at in range(0, len(data), size))

    assert (added, reader.finish()) == ("Tschüß, 🌙.", "Tschüß, 🌙.")
