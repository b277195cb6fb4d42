import signal
from contextlib import closing

import psycopg2
import pytest

from scripts.lab.replay.postgres_server import DURABLE, PostgresServer


@pytest.fixture(scope="module")
def server():
    server = PostgresServer(DURABLE)
    server.start()
    yield server
    server.discard()


def _ask(server, statement):
    with closing(psycopg2.connect(server.admin_url)) as con:
        con.autocommit = True
        cursor = con.cursor()
        cursor.execute(statement)
        (value,) = cursor.fetchall()[0]
        return value


@pytest.mark.service
def test_server_syncs_as_by_default(server):
    assert _ask(server, "SHOW fsync") == "on"


@pytest.mark.service
def test_paused_server_takes_nothing_and_goes_on(server):
    server.send_signal(signal.SIGSTOP)
    with pytest.raises(psycopg2.OperationalError, match="timeout"):
        psycopg2.connect(server.admin_url, connect_timeout=2)

    server.send_signal(signal.SIGCONT)

    assert _ask(server, "SELECT 1") == 1


@pytest.mark.service
def test_killed_server_starts_again(server):
    server.send_signal(signal.SIGKILL)

    server.start()

    assert _ask(server, "SELECT 1") == 1
