"""A streamed completion counts only when it is whole."""

import pytest

from omi_actors.clients.completion_stream import CompletionReader
from omi_actors.errors import UpstreamUnavailableError


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
