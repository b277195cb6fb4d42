"""The official SDK at a real server, in front of a fake model's server."""

import json
from contextlib import asynccontextmanager

import openai
import pytest

from omi_actors.clients.completion_request import RequestOptions
from omi_actors.clients.openai_model import OpenAIModel
from tests.fakes.openai_server import listening_fake
from tests.people.conftest import Client
from tests.system.conftest import database_url, module_postgres_url, notifier, omi, postgres_url, start

__all__ = ["database_url", "module_postgres_url", "notifier", "omi", "postgres_url", "start"]


@pytest.fixture
async def fake():
    """The fake model's server."""
    async with listening_fake() as server:
        yield server


@pytest.fixture
async def model(fake):
    """The product's client of it."""
    options = RequestOptions(max_tokens=500)
    made = OpenAIModel(api_key="k", base_url=fake.url, name="local", concurrency=8, options=options)
    yield made
    await made.close()


@asynccontextmanager
async def signed_in(program, email="ada@example.com", **more):
    """Sign a person up, and give the SDK the person's token."""
    client = Client(program.connection)
    await client.register(email)
    options = {"max_retries": 0, "timeout": 10.0} | more
    async with openai.AsyncOpenAI(
        api_key=client.token, base_url=f"http://127.0.0.1:{program.port}/v1", **options
    ) as sdk:
        yield sdk, client


async def talk(client):
    """Return the person's conversations, newest first: the texts of each, oldest first."""
    listed = (await client("GET", "/conversations")).json["items"]
    pages = [(await client("GET", f"/conversations/{one['id']}/messages")).json["items"] for one in listed]
    return [[message["text"] for message in reversed(page)] for page in pages]


async def events_of(client):
    """Read the data of the stream whose headers have come; `[DONE]` as it is."""
    body = await client.connection._read_chunks()
    lines = [line.removeprefix("data: ") for line in body.decode().splitlines() if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]
