"""A streamed completion is an answer only when it is whole."""

import pytest

from omi_actors.clients.completion_stream import CompletionReader
from omi_actors.errors import UpstreamError, UpstreamRejectedError, UpstreamUnavailableError
from tests.fakes.odd_answers import ODD

MAX_TOKENS = 500


def read(*lines):
    reader = CompletionReader(MAX_TOKENS)
    reader.feed("\n".join(lines).encode())
    return reader.finish()[0]


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
def test_cut_empty_or_invalid_answer_is_an_error(lines):
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
def test_refusal_and_endless_thought_differ_from_an_empty_answer(lines, code):
    with pytest.raises(UpstreamRejectedError) as caught:
        read(*lines, "data: [DONE]")

    assert caught.value.code == code


def test_answer_that_the_server_ended_at_its_limit_is_cut_at_a_sentence_and_marked():
    end = 'data: {"choices":[{"delta":{},"finish_reason":"length"}]}'

    assert read(chunk("It is far. It is very far. And a lo"), end) == "It is far. It is very far. …"


@pytest.mark.parametrize(("sentence", "most"), [("It is far. ", 4_000), ("它很远。", 1_000), ("Это далеко. ", 3_000)])
def test_answer_that_goes_on_is_full_at_twice_its_tokens_in_every_script(sentence, most):
    reader = CompletionReader(MAX_TOKENS)
    events = 0

    while not reader.is_full:
        reader.feed(f"{chunk(sentence)}\n".encode())
        events += 1
        assert events < 10_000
    later = reader.feed(f"{chunk(sentence)}\n".encode())

    answer, _ = reader.finish()
    assert most * 0.7 < len(answer) <= most + len(" …")
    assert answer.endswith(f"{sentence.strip()} …")
    assert later == []


def test_answer_of_just_its_tokens_is_whole():
    text = "word. " * 333  # 500 tokens of English

    assert read(chunk(text), "data: [DONE]") == text.strip()


@pytest.mark.parametrize("event", [": thinking", 'data: {"choices":[{"delta":{"reasoning_content":"Hm, "}}]}'])
def test_stream_without_text_is_read_up_to_a_limit(event):
    reader = CompletionReader(MAX_TOKENS)
    data = f"{event}\n".encode() * 1_000

    with pytest.raises(UpstreamUnavailableError, match="more bytes than an answer may have"):
        all(reader.feed(data) == [] for _ in range(1_000))


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ('{"total_tokens":42}', 42),
        ('{"total_tokens":"42"}', 42),
        ('{"total_tokens":42.0}', 42),
        ('{"total_tokens":null,"prompt_tokens":40,"completion_tokens":2}', 42),
        ('{"input_tokens":"40","output_tokens":2}', 42),
        ("null", 0),
        ("[1]", 0),
        ('"many"', 0),
        *(
            (f'{{"total_tokens":{odd}}}', 0)
            for odd in ("1.5", "-3", "NaN", "Infinity", "1e400", "true", '"x"', "1e12", "{}")
        ),
    ],
)
def test_usage_is_optional_and_an_invalid_one_ignored(usage, tokens):
    reader = CompletionReader(MAX_TOKENS)
    for line in (chunk("The moon."), f'data: {{"choices":[],"usage":{usage}}}', "data: [DONE]"):
        reader.feed(f"{line}\n".encode())

    assert (reader.finish()[0], reader.tokens) == ("The moon.", tokens)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r", "\n\n"])
@pytest.mark.parametrize("size", [1, 2, 7, 1_000])
def test_bytes_may_come_in_any_pieces(size, line_end):
    data = line_end.join([": comment", chunk("Tschüß, "), chunk("🌙."), "data: [DONE]"]).encode()
    reader = CompletionReader(MAX_TOKENS)

    added = [piece for at in range(0, len(data), size) for piece in reader.feed(data[at : at + size])]

    assert ("".join(added), reader.finish()) == ("Tschüß, 🌙.", ("Tschüß, 🌙.", []))


@pytest.mark.parametrize("name", [name for name, odd in ODD.items() if not odd.encoding])
def test_odd_answer_is_read_alike_in_pieces_of_any_size(name):
    body = ODD[name].body

    def outcome(size):
        reader = CompletionReader(MAX_TOKENS)
        try:
            for at in range(0, len(body), size):
                reader.feed(body[at : at + size])
            return reader.finish()[0]
        except UpstreamError as error:
            return type(error), str(error)

    assert {outcome(size) for size in (1, 7)} == {outcome(len(body) or 1)}


def test_text_is_not_held_back_as_reasoning_where_reasoning_has_a_field():
    reader = CompletionReader(MAX_TOKENS)
    reader.feed(b'data: {"choices":[{"delta":{"reasoning_content":"Hm."}}]}\n')

    assert reader.feed(f"{chunk('The user ')}\n".encode()) == ["The user "]


def test_line_without_an_end_is_held_up_to_a_limit():
    reader = CompletionReader(MAX_TOKENS)
    long = chunk("\\u00e9" * 2 * MAX_TOKENS).encode()  # its length would do for any other text of so many tokens
    half = len(long) // 2

    assert reader.feed(long[:half]) == []
    assert reader.feed(long[half:-2]) == []
    assert reader.feed(long[-2:] + b"\n") == ["é" * 2 * MAX_TOKENS]
    with pytest.raises(UpstreamUnavailableError, match="more bytes than an answer may have"):
        reader.feed(b"x" * 100_000)  # far less than all lines together may have
