"""A streamed completion counts only when it is whole."""

import pytest

from omi_actors.clients.completion_stream import CompletionReader
from omi_actors.errors import UpstreamRejectedError, UpstreamUnavailableError


def read(*lines):
    reader = CompletionReader()
    for line in lines:
        reader.feed(line)
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
