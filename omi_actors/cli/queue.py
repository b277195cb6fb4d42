"""`omi-actors queue`: the operator's hand in the job queue of a running server.

Not here: asking the server (operator_calls.py), what a job shows of itself (web/handlers/queue.py). Threads: the
main one.
"""

import json
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any, ParamSpec
from urllib.parse import quote, urlencode

import click

from config.secrets_file import with_made_origins
from config.settings import InvalidSettingError, read_settings
from omi_actors.cli.failing import env_file_to_read, fail
from omi_actors.cli.operator_calls import call_operator
from omi_actors.errors import OmiError

P = ParamSpec("P")
# Asks the server: method, path, body.
Call = Callable[..., Any]

_KIND = click.option("--kind", help="Only jobs of this kind.")
_STATE = click.option("--state", help="Only jobs in this state: ready, running, done, dead or cancelled.")
_LANE = click.option("--lane", help="Only jobs of this lane.")
_SESSION = click.option("--session", help="Only jobs of this session: a wearer's uid, or a session's whole name.")
_YES = click.option("--yes", "is_sure", is_flag=True, help="Do it; without this the jobs are only counted.")
_JOB = click.argument("job", required=False)


@click.group()
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the running server, if it is not PORT.")
@click.option("--env-file", type=click.Path(path_type=Path), help="File with settings; default: .env, if there is one.")
@click.pass_context
def queue(context: click.Context, *, port: int | None, env_file: Path | None) -> None:
    """Look into the job queue, and act on it."""
    try:
        reading = with_made_origins(read_settings(env_file_to_read(env_file), {"PORT": port}))
    except InvalidSettingError as exc:
        fail(str(exc))
    context.obj = partial(call_operator, reading.settings)


def _in_sentences(command: Callable[P, None]) -> Callable[P, None]:
    """Say what went wrong in its sentence."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except OmiError as exc:
            fail(str(exc))

    return run


@queue.command("list")
@_KIND
@_STATE
@_LANE
@_SESSION
@click.option("--limit", type=click.IntRange(1, 500), default=50, help="At most so many; 50 unless told.")
@click.option("--before", type=click.IntRange(1), help="Only jobs with lower numbers: the next page.")
@click.pass_obj
@_in_sentences
def list_jobs(call: Call, /, **asked: Any) -> None:
    """List jobs, newest first."""
    page = call("GET", f"/operator/queue/jobs?{urlencode(_given(asked))}")
    for job in page["jobs"]:
        tries = f"{job['attempts']}/{job['maxAttempts']}"
        click.echo(
            f"{job['number']:>8} {job['id']}  {job['kind']:<8} {job['state']:<9} {tries:>5}  {job['createdAt']}"
            f"  {job['error']}".rstrip()
        )
    if page["nextBefore"] is not None:
        click.echo(f"More: --before {page['nextBefore']}")


@queue.command()
@click.argument("job")
@click.option("--text", is_flag=True, help="With the words of the question and its answer; the audit will say so.")
@click.pass_obj
@_in_sentences
def show(call: Call, job: str, *, text: bool) -> None:
    """Show all there is of one JOB, without anybody's words unless --text asks for them."""
    found = call("GET", f"/operator/queue/jobs/{quote(job, safe='')}{'?text=1' if text else ''}")
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))


@queue.command()
@_JOB
@_KIND
@_LANE
@_SESSION
@_YES
@click.pass_obj
@_in_sentences
def retry(call: Call, /, job: str | None, *, is_sure: bool, **chosen: Any) -> None:
    """Begin one dead JOB anew, or count all dead jobs that are chosen, and with --yes begin them."""
    if job is not None:
        call("POST", f"/operator/queue/jobs/{quote(job, safe='')}/retry")
        click.echo("retried: 1")
    else:
        _change_many(call, "retry", _given(chosen), is_sure=is_sure)


@queue.command()
@_JOB
@_KIND
@click.option("--state", type=click.Choice(["ready", "dead"]), help="Only waiting, or only dead ones.")
@_LANE
@_SESSION
@_YES
@click.pass_obj
@_in_sentences
def discard(call: Call, /, job: str | None, *, is_sure: bool, **chosen: Any) -> None:
    """Call off one JOB that waits or is dead, or count all that are chosen, and with --yes call them off.

    Whoever waits for an answer is told that there is none.
    """
    if job is not None:
        call("DELETE", f"/operator/queue/jobs/{quote(job, safe='')}")
        click.echo("discarded: 1")
    else:
        _change_many(call, "discard", _given(chosen), is_sure=is_sure)


@queue.command()
@click.argument("kind", required=False)
@click.pass_obj
@_in_sentences
def pause(call: Call, kind: str | None) -> None:
    """Begin no more jobs of KIND, or of any. It holds until `resume`, also after a restart."""
    _say_changed(call("POST", "/operator/queue/pause", _given({"kind": kind})), "paused")


@queue.command()
@click.argument("kind", required=False)
@click.pass_obj
@_in_sentences
def resume(call: Call, kind: str | None) -> None:
    """Begin jobs of KIND, or without it of all kinds, again."""
    _say_changed(call("POST", "/operator/queue/resume", _given({"kind": kind})), "resumed")


@queue.command()
@click.option("--limit", type=click.IntRange(1, 500), default=50, help="At most so many; 50 unless told.")
@click.option("--before", type=click.IntRange(1), help="Only events with lower numbers: the next page.")
@click.pass_obj
@_in_sentences
def audit(call: Call, /, **asked: Any) -> None:
    """List what the operator did, newest first."""
    for event in call("GET", f"/operator/events?{urlencode(_given(asked))}")["events"]:
        target = " ".join(f"{name}={value}" for name, value in event["target"].items())
        done = f"{event['who']} {event['action']} jobs={event['jobs']} {target}"
        click.echo(f"{event['number']:>6} {event['at']} {done}".rstrip())


def _given(asked: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if value is not None}


def _change_many(call: Call, word: str, chosen: dict[str, Any], *, is_sure: bool) -> None:
    counted = call("POST", f"/operator/queue/{word}", chosen)
    if not is_sure:
        click.echo(f"jobs: {counted['count']}; nothing was done. Add --yes to {word} them.")
        return
    done = call("POST", f"/operator/queue/{word}", {**chosen, "confirm": counted["confirm"]})
    for name, count in done.items():
        click.echo(f"{name}: {count}")


def _say_changed(said: dict[str, Any], word: str) -> None:
    kind = "all kinds" if said["kind"] == "*" else said["kind"]
    click.echo(f"{kind}: {word}" if said["changed"] else f"{kind}: {word} already")
