"""A look at a model's server: its list of models, and a question without messages that costs nothing."""

import json
from contextlib import asynccontextmanager

import pytest

from omi_actors.clients.model_server import ask_model_server
from omi_actors.errors import UpstreamRejectedError
from tests.clients.test_model_refusals import PROMPT, REFUSALS, Server
from tests.clients.test_openai_model import build
from tests.fakes.raw_server import serve_raw

LIST = (200, "application/json", json.dumps({"object": "list", "data": [{"id": "m"}, {"id": "models/g"}]}))
NO_MESSAGES = (400, "application/json", json.dumps({"error": {"message": "messages is required"}}))
NOT_FOUND = (404, "text/plain", "404 page not found")


@asynccontextmanager
async def serving(listed, asked):
    """Answer GET with `listed` and POST with `asked`; yield the URL and the heads of the requests."""
    heads = []

    async def answer(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        heads.append(head)
        status, kind, text = listed if head.startswith("GET") else asked
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nConnection: close\r\n".encode())
        writer.write(f"Content-Length: {len(text)}\r\n\r\n{text}".encode())
        await writer.drain()

    async with serve_raw(answer) as target:
        yield f"http://{target.host}:{target.port}/v1", heads


async def look(url, model="m"):
    return await ask_model_server(api_key="sk-1", base_url=url, timeout_s=5.0, model=model)


@pytest.mark.parametrize("asked", [NO_MESSAGES, (422, "application/json", '{"detail": "x"}'), (500, "text/plain", "")])
async def test_server_that_takes_key_and_address_is_fine(asked):
    async with serving(LIST, asked) as (url, _):
        server = await look(url)

    assert server.models == {"m", "models/g", "g"}


@pytest.mark.parametrize("listed", [NOT_FOUND, (200, "application/json", '{"data": null}'), (200, "text/html", "<p>")])
async def test_server_without_a_list_is_fine_if_it_takes_questions(listed):
    async with serving(listed, NO_MESSAGES) as (url, _):
        assert (await look(url)).models == frozenset()


@pytest.mark.parametrize(
    ("listed", "asked", "code"),
    [
        (LIST, NOT_FOUND, "wrong_address"),
        (NOT_FOUND, NOT_FOUND, "wrong_address"),
        (LIST, (200, "application/json", '{"error": "Unexpected endpoint or method. (POST /x)"}'), "wrong_address"),
        (LIST, (200, "text/html", "<html>A site</html>"), "wrong_address"),
        (LIST, (401, "application/json", '{"error": {"message": "Invalid API key"}}'), "invalid_api_key"),
        ((401, "text/plain", ""), NO_MESSAGES, "invalid_api_key"),
        (LIST, (402, "application/json", "{}"), "insufficient_quota"),
        (NOT_FOUND, (404, "application/json", '{"error": "model \\"m\\" not found"}'), "model_not_found"),
    ],
)
async def test_refusal_that_concerns_all_questions_is_found(listed, asked, code):
    async with serving(listed, asked) as (url, _):
        with pytest.raises(UpstreamRejectedError) as caught:
            await look(url)

    assert caught.value.code == code


async def test_stream_of_a_server_that_answers_nothing_asked_is_not_read():
    async with serving(LIST, (200, "text/event-stream", 'data: {"error": 1}\n\n')) as (url, _):
        assert (await look(url)).models


@pytest.mark.parametrize("query", ["?api-version=2024-10-21", "?api-version=1&a=%20b", "?a="])
async def test_query_of_the_address_goes_behind_each_path(query):
    server = Server(REFUSALS[0], lambda _: False)
    async with serving(LIST, NO_MESSAGES) as (url, heads):
        await look(url + query)
    async with serve_raw(server) as target:
        model = build(f"http://{target.host}:{target.port}/d{query}")
        await model.answer(PROMPT, deadline_s=9.0)
        await model.close()

    lines = [head.splitlines()[0] for head in (*heads, *server.heads)]
    wanted = query.replace("%20", "+")
    assert lines[0] == f"GET /v1/models{wanted} HTTP/1.1"
    assert lines[1] == f"POST /v1/chat/completions{wanted} HTTP/1.1"
    assert lines[2] == f"POST /d/chat/completions{wanted} HTTP/1.1"


@pytest.mark.parametrize(("query", "header"), [("?api-version=1", "api-key: sk-1"), ("", "authorization: bearer sk-1")])
async def test_key_goes_by_the_header_that_the_address_takes(query, header):
    async with serving(LIST, NO_MESSAGES) as (url, heads):
        await look(url + query)

    for head in heads:
        keys = [line for line in head.lower().splitlines() if line.startswith(("api-key:", "authorization:"))]
        assert keys == [header]
