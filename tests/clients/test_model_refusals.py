"""Refusals of the common servers: what each means, how often the model is asked, and what is learnt.

refusals.jsonl has one refusal a line: server, status, headers, body, and its meaning. The bodies are written for these
tests, in the form and with the key words of the servers' own.
"""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from omi_actors.clients.model_refusals import read_refusal
from omi_actors.domain.answers.failures import explain_failure
from omi_actors.domain.answers.prompt import EarlierMessage, TranscriptLine, build_prompt, shorten_prompt
from omi_actors.errors import UpstreamBusyError, UpstreamError, UpstreamRejectedError, UpstreamTimeoutError
from tests.clients.test_openai_model import build
from tests.fakes.raw_server import serve_raw


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A refusal and its meaning: a code, `busy` or `unavailable`. `parameters` are the refused parts of the request."""

    server: str
    status: int
    body: Any
    means: str
    parameters: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    pause_s: float | None = None

    @property
    def data(self) -> bytes:
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()

    def __str__(self) -> str:
        return f"{self.server}-{self.status}-{self.means}"


LINES = (Path(__file__).parent / "refusals.jsonl").read_text(encoding="utf-8").splitlines()
REFUSALS = [Refusal(**json.loads(line)) for line in LINES]
# The model asks again after these, in another form; after all others it is asked once.
LEARNT = ("parameter_refused", "roles_refused", "context_length_exceeded")
FINAL = sorted({one.means for one in REFUSALS} - set(LEARNT))
# What the wearer hears.
SENTENCES = {
    "invalid_api_key": "refuses its key",
    "insufficient_quota": "has no credit left",
    "busy": "has too much to do",
    "unavailable": "can't be reached",
    "model_not_found": "does not exist",
    "wrong_address": "no language model at the address",
    "place_refused": "can't be reached",
    "context_length_exceeded": "too much for my language model at once",
}
SERVERS = (
    *("OpenAI", "Azure", "OpenRouter", "Groq", "Gemini", "Mistral", "DeepSeek", "Kimi", "Ollama", "vLLM", "LM Studio"),
    *("llama.cpp", "LiteLLM"),
)
SPEECH = [TranscriptLine("ada", f"the bakery has bread number {number}") for number in range(80)]
HISTORY = [
    EarlierMessage("assistant", "It is far."),
    EarlierMessage("user", "and now?"),
    EarlierMessage("assistant", "No"),
]
PROMPT = build_prompt("how far is the moon?", SPEECH, [])
ANSWER = b'data: {"choices": [{"delta": {"content": "very far"}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
WHOLE = b'{"choices": [{"message": {"role": "assistant", "content": "very far"}, "finish_reason": "stop"}]}'


def of(*meanings: str) -> list[Refusal]:
    return [one for one in REFUSALS if one.means in meanings]


def named(means: str) -> list[Refusal]:
    """Return the refusals with this meaning of servers with a name: a start of the model for each takes 30 ms."""
    return [one for one in of(means) if one.server != "another"]


class Server:
    """Refuses requests while `refuses(body)`, and answers the others; `bodies` has all of them.

    `hangs_up`: it closes the connection of a refusal without saying so.
    """

    def __init__(self, refusal, refuses=lambda body: True):
        self.refusal, self.refuses = refusal, refuses
        self.bodies: list[dict[str, Any]] = []
        self.heads: list[str] = []
        self.hangs_up = False

    async def __call__(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head.decode())
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        self.bodies.append(json.loads(await reader.readexactly(length)))
        if self.refuses(self.bodies[-1]):
            status, headers, data = self.refusal.status, self.refusal.headers, self.refusal.data
        else:
            kind, data = ("text/event-stream", ANSWER) if self.bodies[-1].get("stream") else ("application/json", WHOLE)
            status, headers = 200, {"Content-Type": kind}
        close = [] if self.hangs_up else ["Connection: close"]
        lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write("\r\n".join([*lines, *close, f"Content-Length: {len(data)}", "", ""]).encode() + data)
        await writer.drain()


@asynccontextmanager
async def asked(server, name="some-model", **options):
    async with serve_raw(server) as target:
        model = build(f"http://{target.host}:{target.port}/v1", name, **options)
        try:
            yield model
        finally:
            await model.close()


def meaning(error: UpstreamError) -> str:
    if isinstance(error, UpstreamRejectedError):
        return error.code
    return "busy" if isinstance(error, UpstreamBusyError) else "unavailable"


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_refusal_means_the_same_in_every_form(refusal):
    error = read_refusal(refusal.status, refusal.data, refusal.headers)

    assert meaning(error) == refusal.means
    assert SENTENCES.get(refusal.means, "refused the question") in explain_failure(error)
    assert list(getattr(error, "parameters", [])) == refusal.parameters
    assert getattr(error, "retry_after_s", None) == refusal.pause_s


def test_every_common_server_has_its_refusals():
    assert {one.server for one in REFUSALS} >= set(SERVERS)
    assert len(REFUSALS) >= 400


@pytest.mark.parametrize("means", FINAL)
async def test_model_that_refuses_for_good_is_asked_once(means):
    """One model for all refusals of a meaning, since nothing is learnt from them."""
    server = Server(REFUSALS[0])

    async with asked(server) as model:
        for server.refusal in of(means):
            server.bodies.clear()
            with pytest.raises(UpstreamError) as caught:
                await model.answer(PROMPT, deadline_s=9.0)
            told = (meaning(caught.value), getattr(caught.value, "retry_after_s", None), len(server.bodies))
            assert told == (means, server.refusal.pause_s, 1), server.refusal


def has_field(names, body):
    # Options of a stream are refused without it.
    return body["stream"] or "stream_options" in body if "stream" in names else any(name in body for name in names)


@pytest.mark.parametrize(
    "refusal",
    [one for one in named("parameter_refused") if one.parameters != ["something"]],
    ids=str,
)
async def test_refused_field_is_avoided_and_the_next_question_is_right_at_once(refusal):
    names = refusal.parameters or ["temperature"]
    server = Server(refusal, lambda body: has_field(names, body))
    is_reasoning = {"reasoning_effort", "max_completion_tokens"} & set(names)

    async with asked(server, "gpt-5-like" if is_reasoning else "some-model", has_store=True) as model:
        answers = [await model.answer(PROMPT, deadline_s=9.0) for _ in range(2)]

    first = len(server.bodies) - 1
    assert [one.text for one in answers] == ["very far", "very far"]
    # An effort has one replacement before it is left out.
    assert first == (3 if "reasoning_effort" in names else 2)


async def test_answer_that_cannot_be_streamed_reaches_the_reader_whole():
    refusal = next(one for one in named("parameter_refused") if one.parameters == ["stream"])
    pieces: list[str] = []

    async with asked(Server(refusal, lambda body: body["stream"])) as model:
        answer = await model.answer(PROMPT, deadline_s=9.0, on_text=pieces.append)

    assert (answer.text, "".join(pieces)) == ("very far", "very far")


def two_in_a_row(body):
    roles = [one["role"] for one in body["messages"]]
    return roles[0] == "assistant" or any(first == second for first, second in pairwise(roles))


def has_system(body):
    return any(one["role"] not in ("user", "assistant") for one in body["messages"])


def system_and_turns(body):
    """Refuse as the templates of Gemma and older Mistrals do."""
    return has_system(body) or two_in_a_row(body)


@pytest.mark.parametrize("is_strict", [False, True])
@pytest.mark.parametrize("refusal", named("roles_refused"), ids=str)
async def test_refused_roles_are_rearranged_and_the_next_question_is_right_at_once(refusal, is_strict):
    refuses = system_and_turns if is_strict else has_system if refusal.parameters == ["system"] else two_in_a_row
    server = Server(refusal, refuses)

    async with asked(server) as model:
        answers = [await model.answer(PROMPT, deadline_s=9.0) for _ in range(2)]

    assert [one.text for one in answers] == ["very far", "very far"]
    assert len(server.bodies) == (4 if is_strict else 3)
    assert not refuses(server.bodies[-1])
    sent = "\n".join(one["content"] for one in server.bodies[-1]["messages"])
    assert all(message.text in sent for message in PROMPT.messages)


async def test_earlier_messages_keep_their_turns_in_a_server_that_wants_turns():
    server = Server(of("roles_refused")[0], system_and_turns)

    async with asked(server) as model:
        await model.answer(build_prompt("how far?", SPEECH, HISTORY), deadline_s=9.0)

    roles = [one["role"] for one in server.bodies[-1]["messages"]]
    assert roles == ["user", "assistant", "user", "assistant", "user"]


@pytest.mark.parametrize("refusal", named("context_length_exceeded"), ids=str)
async def test_question_that_is_too_long_is_asked_once_more_with_less_transcript(refusal):
    server = Server(refusal, lambda body: len(json.dumps(body)) > 3_000)

    async with asked(server) as model:
        answer = await model.answer(PROMPT, deadline_s=9.0)

    sent = "\n".join(one["content"] for one in server.bodies[-1]["messages"])
    assert (answer.text, len(server.bodies)) == ("very far", 2)
    assert "number 79" in sent
    assert "number 59\n" not in sent


@pytest.mark.parametrize(("prompt", "times"), [(PROMPT, 2), (build_prompt("how far?", [], []), 1)])
async def test_question_that_stays_too_long_is_told_so(prompt, times):
    server = Server(of("context_length_exceeded")[0])

    async with asked(server) as model:
        with pytest.raises(UpstreamRejectedError) as caught:
            await model.answer(prompt, deadline_s=9.0)

    assert (caught.value.code, len(server.bodies)) == ("context_length_exceeded", times)


@pytest.mark.parametrize("refusal", [*named("parameter_refused")[::7], named("roles_refused")[0]], ids=str)
async def test_server_that_refuses_every_form_is_asked_a_bounded_number_of_times(refusal):
    server = Server(refusal)

    async with asked(server, has_store=True) as model:
        with pytest.raises(UpstreamRejectedError):
            await model.answer(PROMPT, deadline_s=9.0)

    assert len(server.bodies) <= 4


async def test_all_tries_share_the_questions_one_deadline():
    server = Server(of("parameter_refused")[0])
    gate = asyncio.Event()

    async def hang_at_the_second(reader, writer):
        if server.bodies:
            await gate.wait()
        await server(reader, writer)

    async with asked(hang_at_the_second) as model:
        await model.load()
        with pytest.raises(UpstreamTimeoutError):
            await model.answer(PROMPT, deadline_s=0.3)
        gate.set()


async def test_connection_that_a_server_closes_after_a_refusal_costs_nothing():
    server = Server(named("parameter_refused")[0], lambda body: "max_tokens" in body)
    server.hangs_up = True

    async with asked(server) as model:
        answer = await model.answer(PROMPT, deadline_s=9.0)

    assert (answer.text, len(server.bodies)) == ("very far", 2)


async def test_questions_refused_alike_at_once_learn_one_step():
    server = Server(of("roles_refused")[0], two_in_a_row)

    async with asked(server) as model:
        answers = await asyncio.gather(*(model.answer(PROMPT, deadline_s=9.0) for _ in range(9)))

    assert {one.text for one in answers} == {"very far"}
    assert has_system(server.bodies[-1])


ECHOES = [
    {"detail": [{"loc": ["body", "stop"], "msg": "extra", "input": "is my api key invalid? temperature, quota"}]},
    {"error": {"message": "bad", "messages": [{"role": "user", "content": "context length exceeded"}]}},
    {"error": {"message": "Input error: {'role': 'user', 'content': 'is the content_filter on?'}"}},
]


@pytest.mark.parametrize("body", ECHOES)
def test_persons_words_in_a_body_are_not_taken_for_the_servers(body):
    assert meaning(read_refusal(400, body)) == "400"


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_no_text_of_a_body_reaches_the_error(refusal):
    leak = read_refusal(refusal.status, {"error": [refusal.body, {"param": "tell-nobody", "code": "tell-nobody"}]})

    assert "tell-nobody" not in f"{leak} {getattr(leak, 'code', '')}"


@pytest.mark.parametrize(
    "body", [b"\xff\xfe\x00", b"{", b"[" * 90_000, b'{"error": null}', b"null", b"7", b'{"a": ' * 50 + b"1" + b"}" * 50]
)
@pytest.mark.parametrize("status", [200, 400, 500])
def test_body_of_any_form_is_an_error_of_ours(status, body):
    assert isinstance(read_refusal(status, body), UpstreamError)


def test_shorter_prompt_keeps_instructions_and_question_and_drops_earlier_messages():
    prompt = build_prompt("how far?", SPEECH, HISTORY)

    short = shorten_prompt(prompt)

    assert short is not None
    assert (short.messages[0], short.messages[-1]) == (prompt.messages[0], prompt.messages[-1])
    assert [one.role for one in short.messages] == ["system", "user", "user"]
    assert len(short.messages[1].text.splitlines()) == 22
