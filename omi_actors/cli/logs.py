"""`omi-actors logs`: one request's stages, jobs and log lines, of the running server, else of the log files.

Not here: the page of the same (web/handlers/requests.py). Threads: the main one.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from config.settings import InvalidSettingError
from omi_actors.cli.operator_calls import call_operator, load_operator_settings, port_option
from omi_actors.cli.program import env_file_option, in_sentences
from omi_actors.errors import NotFoundError, OmiError
from omi_actors.instruments.log_file import FILE_NAME

# Fields of a line that stand before the others, and the request's id, which all lines have.
_FIRST = ("timestamp", "level", "event")
# Characters of a bar for the longest stage.
_BAR_CHARS = 30


@click.command(short_help="Show what one request did.")
@click.argument("request_id", metavar="REQUEST")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
@port_option
@env_file_option
@in_sentences(InvalidSettingError, OmiError)
def logs(*, request_id: str, as_json: bool, port: int | None, env_file: Path | None) -> None:
    """Show the stages, jobs and log lines of one REQUEST, by its X-Request-Id.

    The running server knows the latest requests. Of others, and when no server runs, the log files have the lines.
    """
    settings = load_operator_settings(env_file, port)
    try:
        found = call_operator(settings, "GET", f"/metrics-dashboard/requests/{quote(request_id, safe='')}")
    except OmiError as error:
        folder = settings.log_dir
        lines = list(_find_lines(folder, request_id))
        if not lines:
            raise NotFoundError(f"{error}. The log files in {folder} have no line of this request either") from error
        found = {"id": request_id, "lines": lines}
    for line in [json.dumps(found, indent=2, ensure_ascii=False)] if as_json else _show(found):
        click.echo(line)


def _find_lines(folder: Path, request_id: str) -> Iterator[dict[str, Any]]:
    """Return the lines of a request in the log files, oldest first."""
    word = json.dumps(request_id)
    # Each of several processes (PROCESSES) writes files of its own.
    for file in sorted(folder.glob(FILE_NAME.replace(".", "*.") + "*"), key=_age, reverse=True):
        with file.open(encoding="utf-8", errors="replace") as lines:
            for text in lines:
                if word in text and (line := _read(text)) is not None and line.get("request_id") == request_id:
                    fields = {name: value for name, value in line.items() if name not in (*_FIRST, "request_id")}
                    at, level, event = (str(line.get(name, "")) for name in _FIRST)
                    yield {"at": at, "level": level, "event": event, "fields": fields}


def _age(file: Path) -> int:
    """Return the number of a log file; the one that is being written has none, and is the newest."""
    number = re.search(r"\.(\d+)\Z", file.name)
    return int(number[1]) if number else 0


def _read(text: str) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None  # a line that a full disk has cut
    return line if isinstance(line, dict) else None


def _show(found: Mapping[str, Any]) -> Iterator[str]:
    """Return the lines for a terminal."""
    if "stages" in found:
        yield f"{found['method']} {found['route']} at {found['at']}: {_state(found)}".strip()
        longest = max((stage["tookMs"] for stage in found["stages"]), default=0.0) or 1.0
        for stage in found["stages"]:
            bar = "#" * round(_BAR_CHARS * stage["tookMs"] / longest)
            yield f"{stage['atMs']:>10.1f} ms  +{stage['tookMs']:<9.1f} {stage['stage']:<24} {bar}".rstrip()
        for job in found["jobs"]:
            took = f", {job['ms']} ms" if job["ms"] is not None else ""
            yield f"job {job['id']}  {job['kind']}: {job['outcome']}, attempt {job['attempt']}{took}"
    for line in found["lines"]:
        fields = " ".join(f"{name}={value}" for name, value in line["fields"].items() if name != "exception")
        yield f"{line['at']} {line['level']:<5} {line['event']} {fields}".rstrip()
        for part in str(line["fields"].get("exception", "")).splitlines():
            yield f"    {part}"


def _state(found: Mapping[str, Any]) -> str:
    match found["state"]:
        case "active":
            return f"under way for {found['ageMs']} ms"
        case "closed":
            return f"its connection closed after {found['ms']} ms"
        case "elsewhere":
            return "its jobs ran here"
        case _:
            return f"{found['status']} after {found['ms']} ms"
