"""`omi-actors top`: the operator's page in a terminal."""

import asyncio
import io
import json
import os
import pty
import select
import signal
import sys
import termios

import pytest
from click.testing import CliRunner
from rich.console import Console

from omi_actors.cli import main
from omi_actors.cli.top import Latest
from omi_actors.cli.top_view import View, draw_sparks
from omi_actors.clock import ManualClock
from omi_actors.errors import UpstreamUnavailableError
from tests.canaries import ADMIN_TOKEN
from tests.e2e.conftest import environment
from tests.fakes.raw_server import read_request, serve_raw

DATA = {
    "status": "fail",
    "state": "People get no answers: the model refuses the key.",
    "checks": [["store", "pass", "well"], ["model", "fail", "invalid_api_key"]],
    "causes": [
        {"what": "The model refuses the key.", "do": "Set OPENAI_API_KEY.", "consequences": ["4 questions failed."]}
    ],
    "tiles": [{"name": "q", "label": "Questions", "value": "12", "note": "in all", "status": "pass", "series": [1, 2]}],
    "active": [{"id": "abcdef0123", "method": "GET", "route": "/chat", "stage": "recall", "ageMs": 2500, "slow": True}],
    "errors": [{"type": "ValueError", "where": "jobs/answer.py:12", "count": 3, "lastAt": "2026-11-27T10:00:00Z"}],
    "actors": [
        {
            "path": "store_group",
            "state": "running",
            "mailbox": 0,
            "oldestMs": 20,
            "restarts": 0,
            "children": [{"path": "store_group/w", "state": "running", "mailbox": 3, "oldestMs": None, "restarts": 1}],
        }
    ],
    "queue": {"paused": ["answer"], "failed": [{"id": "j1", "kind": "answer", "attempts": 3, "error": "timeout"}]},
    "tables": {"requests": {"title": "Requests", "columns": ["Route", "Count"], "rows": [["/chat", "12"]], "note": ""}},
}

LEAVES_SCREEN = b"\x1b[?1049l"


def draw(view, *, width=80, height=None, encoding="utf-8"):
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=out, width=width, height=height, force_terminal=False)
    console.print(view.whole() if height is None else view)
    out.seek(0)
    return out.read()


def test_page_has_the_sentence_causes_checks_figures_and_tables():
    said = draw(View(DATA, "http://localhost:3000"))

    assert said.startswith("People get no answers: the model refuses the key.\n* The model refuses the key.\n")
    for text in (
        "Set OPENAI_API_KEY.",
        "- 4 questions failed.",
        "Paused jobs: answer.",
        "store=pass  model=fail",
        "Questions",
        "▅█",
    ):
        assert text in said
    for row in (
        "│ abcdef0123 │ /chat │ recall │ 2.5 s │",
        "│ /chat │ 12    │",
        "│ store_group/w │ running │ 3       │        │ 1        │",
        "│ j1  │ answer │ 3        │ timeout │",
    ):
        assert row in said


def test_page_on_a_terminal_of_ascii_is_ascii():
    odd = {**DATA, "state": "naïve"}

    assert draw(View(odd, "http://h"), encoding="ascii").startswith("na?ve\n")


def test_text_of_the_page_cannot_steer_the_terminal():
    assert "\x1b" not in draw(View({**DATA, "state": "\x1b[2Jgone [red]"}, "http://h"))


def test_view_shows_what_fits_and_moves():
    view = View(DATA, "http://h")

    first = draw(view, height=6).splitlines()
    view.move(1)
    second = draw(view, height=6).splitlines()
    view.move(1000)

    assert len(first) == 6
    assert first[-1] == "q ends; j, k, space move; http://h"
    assert second[:4] == first[1:5]
    assert "/chat" in draw(view, height=6)


@pytest.mark.parametrize("why", ["no server answers at 127.0.0.1:3000", ""])
def test_server_that_is_gone_is_said_with_the_age_of_the_figures(why):
    view = View(DATA, "http://h")

    view.take(None, silent_s=7.0, why=why)

    assert draw(view).startswith(
        f"{why or 'the server does not answer'}. The figures below are 7 s old.\nPeople get no"
    )
    view.take({**DATA, "state": "All is well"}, silent_s=0.4, why="")
    assert draw(view).startswith("All is well\n")


def test_latest_data_stay_while_the_server_is_gone():
    clock, view, answers = ManualClock(), View(DATA, "http://h"), [{**DATA, "state": "All is well"}]

    def ask():
        if not answers:
            raise UpstreamUnavailableError("no server answers")
        return answers.pop()

    latest = Latest(ask, clock)
    latest.ask_once()
    clock.advance(5.0)
    latest.ask_once()
    latest.show_in(view)

    assert draw(view).startswith("no server answers. The figures below are 5 s old.\nAll is well\n")


@pytest.mark.parametrize(
    ("series", "bars"), [([0, 4, 8], "▁▅█"), ([None, 1], " █"), ([], ""), ([0, 0], ""), (range(100), None)]
)
def test_sparks_show_the_latest_minutes(series, bars):
    assert draw_sparks(series) == bars if bars is not None else len(draw_sparks(series)) == 24


def reply(status, body):
    return b"HTTP/1.1 %d X\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


def answering(status, body, asked):
    async def handler(reader, writer):
        asked.append(await read_request(reader))
        writer.write(reply(status, body))

    return handler


@pytest.mark.parametrize(
    ("status", "body", "code", "said"),
    [
        (200, json.dumps(DATA).encode(), 1, "People get no answers"),
        (200, json.dumps({**DATA, "status": "warn"}).encode(), 0, "People get no answers"),
        (404, b'{"error": "There is no such page."}', 2, "says 404"),
        (200, b"[]", 2, "another kind of server"),
    ],
)
async def test_once_prints_the_page_and_its_exit_code_is_the_state(status, body, code, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked: list[bytes] = []
    async with serve_raw(answering(status, body, asked)) as target:
        given = ("top", "--once", "--port", str(target.port))
        run = CliRunner().invoke
        done = await asyncio.to_thread(lambda: run(main, given, env={"ADMIN_TOKEN": ADMIN_TOKEN}))

    assert (done.exit_code, said in done.output) == (code, True)
    assert f"Bearer {ADMIN_TOKEN}".encode() in asked[0]


@pytest.mark.e2e
@pytest.mark.parametrize("is_key", [True, False])
async def test_top_on_a_terminal_ends_by_a_key_or_a_signal(is_key, tmp_path):
    ours, its = pty.openpty()
    before = termios.tcgetattr(ours)
    async with serve_raw(answering(200, json.dumps(DATA).encode(), [])) as target:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "omi_actors", "top", "--port", str(target.port)),
            cwd=tmp_path,
            env=environment(tmp_path, ADMIN_TOKEN=ADMIN_TOKEN, TERM="xterm", LINES="30", COLUMNS="100"),
            stdin=its,
            stdout=its,
            stderr=its,
        )
        said = await asyncio.to_thread(read_until, ours, b"q ends")
        if is_key:
            os.write(ours, b"q")
        else:
            process.send_signal(signal.SIGINT)
        await asyncio.to_thread(read_until, ours, LEAVES_SCREEN)
        code = await asyncio.wait_for(process.wait(), 20)
    after = termios.tcgetattr(ours)
    os.close(its)
    os.close(ours)

    assert b"People get no answers" in said
    assert (code, after) == (0, before)


def read_until(number, part):
    said = b""
    while part not in said:
        assert select.select([number], [], [], 20)[0], said
        said += os.read(number, 4096)
    return said
