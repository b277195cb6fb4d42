"""`omi-actors operator-link`: a link for a running server, fetched with its token."""

import asyncio

import pytest

from config.settings import load_settings
from omi_actors.cli.operator_calls import fetch_link
from omi_actors.errors import UpstreamRejectedError, UpstreamUnavailableError
from tests.web.http_client import Connection


def settings(port, token="admin-token-of-the-tests-alone"):  # noqa: S107 (a test's)
    return load_settings(overrides={"PORT": str(port), "ADMIN_TOKEN": token})


async def test_link_of_a_running_server_opens(start, tmp_path):
    port = await start(DATA_DIR=str(tmp_path))

    link = await asyncio.to_thread(fetch_link, settings(port))

    path = link.removeprefix(f"http://localhost:{port}")
    async with await Connection.open(port) as connection:
        assert (await connection.request("GET", path)).status == 303


async def test_wrong_token_gets_none_and_is_not_repeated(start):
    port = await start()

    with pytest.raises(UpstreamRejectedError, match=r"401.*ADMIN_TOKEN") as refused:
        await asyncio.to_thread(fetch_link, settings(port, "some-other-token"))

    assert "some-other-token" not in str(refused.value)


async def test_missing_server_is_reported_in_one_sentence(start):
    port = await start()
    await start.server.stop(0.0)

    with pytest.raises(UpstreamUnavailableError, match=r"no server answers.*--port"):
        await asyncio.to_thread(fetch_link, settings(port))
