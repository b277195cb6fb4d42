"""The command `omi-actors top`: the operator's page in the terminal, live, or once for scripts.

Not here: the contents (status/), calling the server (operator_calls.py), drawing (top_view.py).
Threads: the main one draws and reads keys; a daemon thread asks the server, so that a server that hangs stops no key.
"""

import contextlib
import os
import select
import signal
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
from rich.console import Console
from rich.live import Live

from config.settings import InvalidSettingError, Settings
from omi_actors.cli.operator_calls import build_link, call_operator, load_operator_settings, port_option
from omi_actors.cli.program import env_file_option, in_sentences
from omi_actors.cli.top_view import View
from omi_actors.clock import Clock, SystemClock
from omi_actors.errors import OmiError, UpstreamRejectedError

_DATA = "/metrics-dashboard/data.json"
# Seconds between two questions to the server, and between two drawings (a key is seen at once).
_ASK_EVERY_S, _DRAW_EVERY_S = 1.0, 0.5
# Lines that a key moves the view by.
_STEPS = {b"j": 1, b"\x1b[B": 1, b"k": -1, b"\x1b[A": -1, b" ": 10, b"\x1b[6~": 10, b"b": -10, b"\x1b[5~": -10}
_KEY_BYTES = 8

# Asks the server and returns the page's data; raises OmiError.
Ask = Callable[[], Mapping[str, Any]]


@click.command(short_help="Show the operator's page in the terminal.")
@click.option("--once", is_flag=True, help="Print it once and end; the exit code is 1 if something fails.")
@port_option
@env_file_option
@in_sentences(InvalidSettingError, OmiError)
def top(*, once: bool, port: int | None, env_file: Path | None) -> None:
    """Show the operator's page of the running server: its state in words, figures and tables. q or Ctrl-C ends it.

    The keys j, k, space and the arrows move the view. Without a terminal it prints once.
    """
    settings = load_operator_settings(env_file, port)

    first = _fetch(settings)

    def ask() -> Mapping[str, Any]:
        return _fetch(settings, str(first.get("node", "")))

    view = View(first, build_link(settings, "/metrics-dashboard"))
    console = Console()
    if once or not console.is_terminal:
        console.print(view.whole())
        sys.exit(1 if view.status == "fail" else 0)
    _watch(view, ask, console, SystemClock())


def _fetch(settings: Settings, node: str = "") -> Mapping[str, Any]:
    """Ask the server; of several processes at its address, the one with this `node`."""
    data = call_operator(settings, "GET", f"{_DATA}?node={quote(node)}")
    if not isinstance(data, dict) or "state" not in data:
        raise UpstreamRejectedError("another kind of server answers there")
    return data


def _watch(view: View, ask: Ask, console: Console, clock: Clock) -> None:
    """Draw until a key or a signal ends it. Ctrl-C is only noted: amid a drawing it would not leave the screen."""
    latest, ended = Latest(ask, clock), threading.Event()
    signal.signal(signal.SIGINT, lambda *_: ended.set())
    with _keys() as next_key, Live(view, console=console, screen=True, auto_refresh=False) as live:
        latest.start()
        while not ended.is_set():
            latest.show_in(view)
            live.update(view, refresh=True)
            key = next_key(_DRAW_EVERY_S)
            if key == b"q":
                return
            view.move(_STEPS.get(key, 0))


class Latest:
    """The latest data, asked for in a thread of its own until the program ends."""

    def __init__(self, ask: Ask, clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._heard_mono_s = clock.mono_s()
        self._data: Mapping[str, Any] | None = None
        self._why = ""

    def start(self) -> None:
        """Begin to ask."""
        threading.Thread(target=self._run, name="top", daemon=True).start()

    def ask_once(self) -> None:
        """Ask the server; keep its data, or the reason why there are none."""
        try:
            self._data, self._why, self._heard_mono_s = self._ask(), "", self._clock.mono_s()
        except OmiError as exc:
            self._why = str(exc)

    def show_in(self, view: View) -> None:
        """Give the view the data and their age."""
        view.take(self._data, silent_s=self._clock.mono_s() - self._heard_mono_s, why=self._why)

    def _run(self) -> None:
        pause = threading.Event()
        while not pause.wait(_ASK_EVERY_S):
            self.ask_once()


@contextlib.contextmanager
def _keys() -> Iterator[Callable[[float], bytes]]:
    """Yield a function that waits for a key, for so many seconds at most; b"" if there is none."""
    if not sys.stdin.isatty():
        nothing = threading.Event()
        yield lambda seconds: b"q" if nothing.wait(seconds) else b""
        return
    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)

    def next_key(seconds: float) -> bytes:
        return os.read(number, _KEY_BYTES) if select.select([number], [], [], seconds)[0] else b""

    try:
        tty.setcbreak(number)  # keys without Enter; Ctrl-C stays a signal
        yield next_key
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, before)
