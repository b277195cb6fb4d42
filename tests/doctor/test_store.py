"""Planted troubles of the store: the doctor finds each, and its fix works."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import psycopg2
import pytest

from omi_actors.clock import SystemClock
from omi_actors.doctor.finding import State
from omi_actors.store.engine import DATABASE_FILE, Engine, StoreConfig
from omi_actors.store.transaction import NodeIdentity
from scripts.lab.replay.postgres_server import DURABLE, PostgresServer, fresh_postgres_database
from scripts.lab.replay.redis_server import running_redis

HOLDER = """
import sys
from pathlib import Path
from omi_actors.store.lock import acquire_process_lock
acquire_process_lock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def data(patient) -> Path:
    """The folder of a database that has been in use."""
    folder = Path(patient.variables["DATA_DIR"])
    engine = Engine(StoreConfig(url="", data_dir=folder, clock=SystemClock()), NodeIdentity("n", 1))
    engine.open()
    engine.close()
    return folder


def test_check_of_a_store_changes_nothing(patient, tmp_path):
    assert patient.has_no_problem
    assert list(tmp_path.iterdir()) == []


@pytest.mark.service
def test_database_that_another_process_has_open(patient, data):
    with subprocess.Popen(  # noqa: S603 (ourselves)
        [sys.executable, "-c", HOLDER, data / f"{DATABASE_FILE}.lock"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        problem = patient.problem()
        holder.terminate()  # the fix

    assert problem.said == f"process {holder.pid} has the database open"
    assert f"kill {holder.pid}" in problem.fix
    assert patient.has_no_problem


def test_schema_that_is_newer_than_the_program(patient, data):
    with closing(sqlite3.connect(data / DATABASE_FILE)) as con:
        con.execute("INSERT INTO schema_migration VALUES (9999, 'later', 0, 0)")
        con.commit()
        assert patient.has_no_problem  # it only adds
        con.execute("UPDATE schema_migration SET needs = 9998 WHERE version = 9999")
        con.commit()
        problem = patient.problem()

        con.execute("DELETE FROM schema_migration WHERE version = 9999")  # as the copy has it
        con.commit()

    assert problem.said.startswith(f"{data / DATABASE_FILE} has schema 9999, this program knows ")
    assert "restore the copy" in problem.fix
    assert patient.has_no_problem


def test_file_that_is_no_database(patient):
    folder = Path(patient.variables["DATA_DIR"])
    folder.mkdir()
    (folder / DATABASE_FILE).write_text("this is no database, and long enough to be seen as none. " * 100)
    problem = patient.problem()

    (folder / DATABASE_FILE).rename(folder / "away")

    assert "not a database" in problem.said
    assert "or move omi.sqlite3 and omi.sqlite3-wal away to begin anew" in problem.fix
    assert patient.has_no_problem


def test_database_that_cannot_be_reached(patient):
    patient.variables["DATABASE_URL"] = "postgres://omi:tell-nobody@127.0.0.1:9/omi"
    problem = patient.problem()

    del patient.variables["DATABASE_URL"]

    assert "Connection refused" in problem.said
    assert "tell-nobody" not in problem.said
    assert "unset it" in problem.fix
    assert patient.has_no_problem


def test_driver_that_is_not_installed(patient, monkeypatch):
    patient.variables["DATABASE_URL"] = "postgres://omi@127.0.0.1:9/omi"
    monkeypatch.setitem(sys.modules, "psycopg2", None)  # as if it were not there
    problem = patient.problem()

    assert "driver" in problem.said
    assert problem.fix == f"{sys.executable} -m pip install psycopg2-binary"


@pytest.mark.service
def test_reachable_postgres_is_ok_if_it_syncs_or_need_not(patient):
    with fresh_postgres_database() as url:
        patient.variables["DATABASE_URL"] = url
        problem = patient.problem()

        patient.variables["ALLOW_UNSYNCED_COMMITS"] = "true"

        assert problem.said.startswith("the database has fsync off, full_page_writes off: a crash")
        assert "ALTER SYSTEM SET fsync = on" in problem.fix
        assert patient.has_no_problem
        assert "postgres: new, will be made" in [finding.said for finding in patient.findings(State.OK)]
        assert any(note.startswith(problem.said) for note in patient.notes())


@pytest.mark.service
def test_more_processes_than_the_server_has_connections_for(patient):
    with fresh_postgres_database() as url, running_redis() as redis:
        patient.variables |= {"DATABASE_URL": url, "REDIS_URL": redis.url, "PROCESSES": "9"}
        patient.variables["ALLOW_UNSYNCED_COMMITS"] = "true"
        problem = patient.problem()
        patient.variables["PROCESSES"] = "2"

        assert patient.has_no_problem

    assert problem.said == "9 processes open up to 54 connections, and the server takes 50"
    assert "lower PROCESSES" in problem.fix


@pytest.fixture
def guarded_postgres():
    """A server that asks one of its users for a password; the URL lacks it."""
    server = PostgresServer(DURABLE)
    try:
        rules = server._data / "pg_hba.conf"
        rules.write_text(f"local all guest scram-sha-256\n{rules.read_text()}")
        server.start()
        with closing(psycopg2.connect(server.admin_url)) as con:
            con.autocommit = True
            con.cursor().execute("CREATE USER guest PASSWORD 'right'")
        yield f"postgres://guest:{{}}@/postgres?host={quote(str(server._folder))}"
    finally:
        server.discard()


@pytest.mark.service
def test_wrong_password(patient, guarded_postgres):
    patient.variables["DATABASE_URL"] = guarded_postgres.format("tell-nobody")
    problem = patient.problem()

    patient.variables["DATABASE_URL"] = guarded_postgres.format("right")

    assert "password authentication failed" in problem.said
    assert "tell-nobody" not in problem.said
    assert problem.fix == "Correct user and password in DATABASE_URL."
    assert patient.has_no_problem
    said = "commits are synced (fsync on, full_page_writes on, synchronous_commit on)"
    assert said in [finding.said for finding in patient.findings(State.OK)]


@pytest.mark.service
def test_database_that_does_not_exist(patient):
    with fresh_postgres_database() as url:
        patient.variables |= {"ALLOW_UNSYNCED_COMMITS": "true"}
        patient.variables["DATABASE_URL"] = url.replace("omi_test", "omi_nowhere")
        problem = patient.problem()

        patient.variables["DATABASE_URL"] = url

        assert patient.has_no_problem
    assert "does not exist" in problem.said
    assert "createdb" in problem.fix
