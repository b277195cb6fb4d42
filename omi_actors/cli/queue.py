"""`omi-actors queue` and `omi-actors retention`: act on the job queue and the retention of a running server.

Not here: calling the server (operator_calls.py), the form of a job (web/handlers/queue.py). Threads: the main one.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import click

from config.settings import InvalidSettingError
from omi_actors.cli.operator_calls import call_operator, load_operator_settings, port_option
from omi_actors.cli.program import env_file_option, in_sentences
from omi_actors.errors import OmiError

# Calls the server: method, path, body.
Call = Callable[..., Any]

_in_sentences = in_sentences(OmiError)
_KIND = click.option("--kind", help="Only jobs of this kind.")
_STATE = click.option("--state", help="Only jobs in this state: ready, running, done, dead or cancelled.")
_LANE = click.option("--lane", help="Only jobs of this lane.")
_SESSION = click.option("--session", help="Only jobs of this session: a wearer's uid, or a session's whole name.")
_YES = click.option("--yes", "is_sure", is_flag=True, help="Do it; without this the jobs are only counted.")
_JOB = click.argument("job", required=False)


@click.group()
@port_option
@env_file_option
@click.pass_context
@in_sentences(InvalidSettingError)
def queue(context: click.Context, *, port: int | None, env_file: Path | None) -> None:
    """Show and change the job queue."""
    context.obj = partial(call_operator, load_operator_settings(env_file, port))


@click.group()
@port_option
@env_file_option
@click.pass_context
@in_sentences(InvalidSettingError)
def retention(context: click.Context, *, port: int | None, env_file: Path | None) -> None:
    """Resume retention while it is paused."""
    context.obj = partial(call_operator, load_operator_settings(env_file, port))


@queue.command("list")
@_KIND
@_STATE
@_LANE
@_SESSION
@click.option("--limit", type=click.IntRange(1, 500), default=50, help="At most so many; default: 50.")
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
@click.option("--text", is_flag=True, help="With the words of the question and its answer; the audit notes it.")
@click.pass_obj
@_in_sentences
def show(call: Call, job: str, *, text: bool) -> None:
    """Show all of one JOB. Its question and answer are shown only with --text."""
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
    """Retry one dead JOB, or count the chosen dead jobs. With --yes, retry the chosen jobs."""
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
    """Discard one waiting or dead JOB, or count the chosen jobs. With --yes, discard the chosen jobs.

    A person who waits for the answer is notified that there is none.
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
    """Start no job of KIND (default: of all kinds) until the command `resume`. A restart does not end the pause."""
    _show_changed(call("POST", "/operator/queue/pause", _given({"kind": kind})), "paused")


@queue.command()
@click.argument("kind", required=False)
@click.pass_obj
@_in_sentences
def resume(call: Call, kind: str | None) -> None:
    """Start jobs of KIND (default: of all kinds) again."""
    _show_changed(call("POST", "/operator/queue/resume", _given({"kind": kind})), "resumed")


@retention.command("resume")
@click.pass_obj
@_in_sentences
def resume_retention(call: Call) -> None:
    """Confirm that the clock is right. The next round may delete all data that is too old, without a limit.

    `/health` says why retention is paused. The next round begins at once.
    """
    reply = call("POST", "/operator/retention/resume", {})
    click.echo("retention: resumed" if reply["changed"] else "retention: did not rest; its next round has no limit")


@queue.command()
@click.option("--limit", type=click.IntRange(1, 500), default=50, help="At most so many; default: 50.")
@click.option("--before", type=click.IntRange(1), help="Only events with lower numbers: the next page.")
@click.pass_obj
@_in_sentences
def audit(call: Call, /, **asked: Any) -> None:
    """List the operator's actions, newest first."""
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


def _show_changed(reply: dict[str, Any], word: str) -> None:
    kind = "all kinds" if reply["kind"] == "*" else reply["kind"]
    click.echo(f"{kind}: {word}" if reply["changed"] else f"{kind}: {word} already")
