"""The OpenAI-compatible model, against a real local server that works and fails."""

import asyncio
import gc
import tracemalloc
from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest

from omi_actors.clients.completion_request import RequestOptions
from omi_actors.clients.model import DemoModel
from omi_actors.clients.openai_model import OpenAIModel
from omi_actors.domain.answers.prompt import build_prompt
from omi_actors.errors import (
    UpstreamBusyError,
    UpstreamEmptyError,
    UpstreamError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from omi_actors.instruments import metrics
from tests.canaries import MODEL_KEY
from tests.fakes.openai_server import Mode, listening_fake
from tests.fakes.raw_server import read_request, serve_raw
from tests.kit.loop_turns import counted_turns

PROMPT = build_prompt("how far is the moon?", [], [])


@pytest.fixture
async def fake():
    async with listening_fake() as fake:
        yield fake


def build(url, name="gpt-5-mini-2025-08-07", **options):
    return OpenAIModel(
        api_key=MODEL_KEY, base_url=url, name=name, concurrency=9, options=RequestOptions(max_tokens=50, **options)
    )


@pytest.fixture
async def model(fake):
    model = build(fake.url)
    yield model
    await model.close()


async def test_streamed_answer_arrives_whole(model):
    answer = await model.answer(PROMPT, deadline_s=5.0)

    assert (answer.text, answer.model) == ("You asked: how far is the moon?", "gpt-5-mini-2025-08-07")


async def test_pieces_are_passed_on_in_order_while_they_arrive(fake, model):
    fake.mode, fake.delay_s = Mode.TRICKLE, 0.001
    pieces: list[str] = []

    answer = await model.answer(PROMPT, deadline_s=5.0, on_text=pieces.append)

    assert len(pieces) > 1
    assert "".join(pieces).strip() == answer.text


async def test_model_that_never_stops_is_cut_and_its_stream_closed(fake, model):
    fake.mode = Mode.ENDLESS
    cut = metrics.MODEL_ANSWERS_CUT.labels("us")
    before = cut._value.get()
    pieces: list[str] = []

    answer = await model.answer(PROMPT, deadline_s=5.0, on_text=pieces.append)

    assert 300 < len(answer.text) < 8 * 50
    assert answer.text.endswith("it goes farther. …")
    assert pieces[-2:] == ["", answer.text]  # voids the pieces beyond it
    assert cut._value.get() == before + 1
    async with asyncio.timeout(2.0):
        await fake.left.wait()


TEN_MB = b"x" * 10_000_000
BIG = {
    "one event": (200, b'data: {"choices": [{"delta": {"content": "' + TEN_MB + b'"}}]}\n\ndata: [DONE]\n\n'),
    "no event": (200, TEN_MB),
    "JSON": (200, b'{"choices": [{"message": {"content": "' + TEN_MB + b'"}}]}'),
    "many lines": (200, b"data: {}\n" * 1_100_000),
    "error": (500, b'{"error": {"message": "' + TEN_MB + b'"}}'),
    "refusal": (401, b'{"error": {"message": "' + TEN_MB + b'"}}'),
}


@pytest.mark.parametrize("form", BIG)
async def test_ten_megabytes_are_no_answer_and_not_held(form):
    status, body = BIG[form]

    async def send(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 %d X\r\nContent-Type: text/event-stream\r\n\r\n" % status)
        for at in range(0, len(body), 65_536):
            writer.write(body[at : at + 65_536])
            await writer.drain()

    async with serve_raw(send) as target:
        model = build(f"http://{target.host}:{target.port}/v1")
        await model.load()
        tracemalloc.start()
        try:
            with pytest.raises(UpstreamError):
                await model.answer(PROMPT, deadline_s=10.0)
            peak_bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            await model.close()

    assert peak_bytes < 5_000_000


async def test_connection_is_used_again_though_its_response_ends_after_the_stream():
    heads: list[list[bytes]] = []
    event = b'data: {"choices": [{"delta": {"content": "hello"}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'

    async def answer(reader, writer):
        heads.append([])
        while True:
            heads[-1].append(await read_request(reader))
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            writer.write(b"%x\r\n%s\r\n" % (len(event), event))
            for _ in range(9):  # passes of the loop, in which the client reads the stream's end
                await asyncio.sleep(0)
            writer.write(b"0\r\n\r\n")

    async with serve_raw(answer) as target:
        model = build(f"http://{target.host}:{target.port}/v1")
        answers = [(await model.answer(PROMPT, deadline_s=5.0)).text for _ in range(3)]
        await model.close()

    assert answers == ["hello"] * 3
    assert [len(requests) for requests in heads] == [3]


async def test_concurrent_answers_are_read_one_in_each_pass_of_the_loop(model):
    passes: list[int] = []
    await model.load()

    with counted_turns() as now:
        ask = partial(model.answer, PROMPT, deadline_s=5.0, on_text=lambda _: passes.append(now()))
        await asyncio.gather(*(ask() for _ in range(9)))

    assert len(passes) == len(set(passes)) >= 9


async def test_library_is_exempt_from_garbage_collection(model):
    client = await model.load()

    assert gc.isenabled()
    assert not any(kept is type(client) for kept in gc.get_objects())


async def test_demo_model_streams_word_by_word():
    pieces: list[str] = []

    answer = await DemoModel().answer(PROMPT, deadline_s=5.0, on_text=pieces.append)

    assert len(pieces) > 5
    assert "".join(pieces) == answer.text


@pytest.mark.parametrize("words", [3, 3_000])
async def test_demo_model_takes_its_time_over_the_words_but_ends_in_time(words):
    clock, pieces = asyncio.get_running_loop().time, []
    prompt = replace(PROMPT, question="why " * words)

    await DemoModel().answer(prompt, deadline_s=0.8, on_text=lambda _: pieces.append(clock()))

    pauses_s = [after - before for before, after in pairwise(pieces)]
    assert len(pauses_s) > 5
    assert min(pauses_s) > 0.002
    assert sum(pauses_s) < 0.8


@pytest.mark.parametrize(
    ("mode", "error", "code"),
    [
        (Mode.UNAUTHORIZED, UpstreamRejectedError, "invalid_api_key"),
        (Mode.NO_QUOTA, UpstreamRejectedError, "insufficient_quota"),
        (Mode.NO_MODEL, UpstreamRejectedError, "model_not_found"),
        (Mode.BAD_CONTENT, UpstreamRejectedError, "content_refused"),
        (Mode.FILTERED, UpstreamRejectedError, "content_refused"),
        (Mode.REFUSAL, UpstreamRejectedError, "content_refused"),
        (Mode.TOO_LONG, UpstreamRejectedError, "context_length_exceeded"),
        (Mode.THINKING, UpstreamRejectedError, "thought_too_long"),
        (Mode.EMPTY, UpstreamEmptyError, None),
        (Mode.RATE_LIMIT, UpstreamBusyError, None),
        (Mode.SERVER_ERROR, UpstreamUnavailableError, None),
        (Mode.CUT, UpstreamUnavailableError, None),
        (Mode.MALFORMED, UpstreamUnavailableError, None),
    ],
)
async def test_every_failure_of_the_server_becomes_our_error(fake, model, mode, error, code):
    fake.mode = mode

    with pytest.raises(error) as caught:
        await model.answer(PROMPT, deadline_s=5.0)

    assert code is None or caught.value.code == code
    assert "moon" not in str(caught.value)


async def test_failed_call_is_made_once_since_the_queue_retries(fake, model):
    fake.mode = Mode.SERVER_ERROR

    with pytest.raises(UpstreamError):
        await model.answer(PROMPT, deadline_s=5.0)

    assert len(fake.calls) == 1


async def test_delay_that_the_server_names_is_kept(fake, model):
    fake.mode = Mode.RATE_LIMIT
    fake.retry_after = "17"

    with pytest.raises(UpstreamBusyError) as caught:
        await model.answer(PROMPT, deadline_s=5.0)

    assert caught.value.retry_after_s == 17.0


@pytest.mark.parametrize("mode", [Mode.HANG, Mode.TRICKLE, Mode.DRIP])
async def test_deadline_is_wall_clock_also_for_a_server_that_trickles(fake, model, mode):
    await model.load()
    fake.mode = mode
    fake.delay_s = 0.05
    loop = asyncio.get_running_loop()
    started = loop.time()

    with pytest.raises(UpstreamTimeoutError):
        await model.answer(PROMPT, deadline_s=0.15)

    assert loop.time() - started < 1.0


async def test_unreachable_server_is_unavailable():
    model = build("http://127.0.0.1:1/v1")

    with pytest.raises(UpstreamUnavailableError):
        await model.answer(PROMPT, deadline_s=5.0)
    await model.close()


async def test_demo_model_repeats_the_question_and_names_itself():
    answer = await DemoModel().answer(PROMPT, deadline_s=1.0)

    assert answer.text.startswith("[demo] You asked: how far is the moon?")
    assert answer.model == "demo-echo"


async def test_questions_that_come_together_share_one_client(fake, model):
    clients = await asyncio.gather(*(model.load() for _ in range(9)))

    assert len(set(map(id, clients))) == 1


async def test_check_reaches_the_server_without_a_question(model, fake):
    assert await model.check()

    assert fake.calls == []


CHECKED = [
    (401, b'{"error": {"message": "Incorrect API key provided."}}', "invalid_api_key"),
    (404, b"404 page not found", "wrong_address"),
    (301, b"", "redirected"),
    (200, b"<html>Welcome</html>", "wrong_address"),
]


@pytest.mark.parametrize(("status", "body", "code"), CHECKED)
async def test_check_finds_a_wrong_key_or_address(status, body, code):
    async with serve_raw(partial(reply_with, status=status, body=body)) as target:
        model = build(f"http://{target.host}:{target.port}/v1")
        with pytest.raises(UpstreamRejectedError) as caught:
            await model.check()
        await model.close()

    assert caught.value.code == code


@pytest.mark.parametrize(("status", "body"), [(200, b"[]"), (200, b'{"models": [1]}'), (200, b'{"data": []}')])
async def test_list_of_another_form_is_a_server_that_is_reached(status, body):
    async with serve_raw(partial(reply_with, status=status, body=body)) as target:
        model = build(f"http://{target.host}:{target.port}/v1")
        assert await model.check()
        await model.close()


@pytest.mark.parametrize("status", [400, 403, 422, 429])
async def test_refused_list_alone_says_nothing_about_questions(status):
    async with serve_raw(partial(reply_with, status=status, body=b"{}")) as target:
        model = build(f"http://{target.host}:{target.port}/v1")
        assert not await model.check()
        await model.close()


async def test_check_finds_that_nothing_listens():
    model = build("http://127.0.0.1:9/v1")
    with pytest.raises(UpstreamUnavailableError):
        await model.check()
    await model.close()


async def reply_with(reader, writer, *, status, body):
    await read_request(reader)
    writer.write(b"HTTP/1.1 %d X\r\nLocation: /x\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
