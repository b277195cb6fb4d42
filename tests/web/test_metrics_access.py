"""Access to /metrics: by METRICS_TOKEN or as the operator, from any address."""

import re
from pathlib import Path

import pytest

from tests.canaries import METRICS_TOKEN, WEBHOOK_TOKEN
from tests.web.conftest import ADMIN, UID
from tests.web.http_client import Connection
from tests.web.test_operator import sign_in

SCRAPER = {"Authorization": f"Bearer {METRICS_TOKEN}"}
# A line that only the page itself has.
MARK = b"# HELP omi_"


@pytest.fixture
async def connection(start, tmp_path):
    """A development server on loopback, where strangers have the most."""
    async with await Connection.open(await start(METRICS_TOKEN=METRICS_TOKEN, DATA_DIR=str(tmp_path))) as connection:
        yield connection


@pytest.mark.parametrize("headers", [SCRAPER, ADMIN])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_token_opens_the_metrics(method, headers, connection):
    reply = await connection.request(method, "/metrics", headers=headers)

    assert (reply.status, MARK in reply.body) == (200, method == "GET")


async def test_operators_browser_reads_the_metrics(connection, start):
    cookie = {"Cookie": await sign_in(connection, start)}

    assert (await connection.request("GET", "/metrics", headers=cookie)).status == 200
    foreign = await connection.request("GET", "/metrics", headers=cookie | {"Origin": "https://evil.example"})
    assert (foreign.status, MARK in foreign.body) == (401, False)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {METRICS_TOKEN}"},
        {"Authorization": f"Bearer {WEBHOOK_TOKEN}"},
        {"Cookie": f"omi_operator={METRICS_TOKEN}"},
        {"X-Forwarded-For": "127.0.0.1"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_others_cannot_read_the_metrics_even_on_loopback(method, headers, connection):
    reply = await connection.request(method, f"/metrics?token={METRICS_TOKEN}", headers=headers)

    assert (reply.status, reply.headers["www-authenticate"], MARK in reply.body) == (401, "Bearer", False)


async def test_token_of_the_metrics_opens_them_and_nothing_else(connection):
    for target in (f"/transcript/{UID}", "/metrics-dashboard", "/omi-webhook/queue-status", "/operator"):
        assert (await connection.request("GET", target, headers=SCRAPER)).status == 401, target
    health = await connection.request("GET", "/health", headers=SCRAPER)
    assert "settings" not in health.json
    assert (await connection.request("POST", "/operator/links", headers=SCRAPER)).status == 401
    assert (await connection.request("GET", "/metrics", headers=SCRAPER)).status == 200


async def test_server_without_such_a_token_is_opened_by_no_token_of_its_kind(start):
    async with await Connection.open(await start()) as connection:
        for given in ("Bearer", "Bearer ", "Bearer None"):
            assert (await connection.request("GET", "/metrics", headers={"Authorization": given})).status == 401


async def test_prometheus_with_the_deployment_pages_settings_reads_the_metrics(connection):
    page = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text()
    (job,) = re.findall(r"^```yaml\n(scrape_configs:.*?)^```", page, re.MULTILINE | re.DOTALL)
    said = dict(re.findall(r"^\s+(?:- )?(\w+): +(.+)$", job, re.MULTILINE))

    # As Prometheus does: the type unchanged, and the file's content without surrounding blanks.
    assert "credentials_file" in said
    as_prometheus = {"Authorization": f"{said['type']} {METRICS_TOKEN}", "Accept": "application/openmetrics-text"}
    reply = await connection.request("GET", said["metrics_path"], headers=as_prometheus)

    assert (reply.status, MARK in reply.body) == (200, True)
    assert said["targets"] == '["127.0.0.1:3000"]'
