"""scripts/replay_webhooks: send a recording, or an invented conversation, to a server.

Not here: the sender (sender.py), the check (verify.py). Threads: one event loop.
"""

import asyncio
import sys
from dataclasses import asdict
from pathlib import Path

import click
import msgspec

from omi_actors.clock import SystemClock
from scripts.lab.replay.accept_log import AcceptLog, load_promises
from scripts.lab.replay.generator import ConversationGenerator
from scripts.lab.replay.http import Target, parse_target
from scripts.lab.replay.judge import Verdict
from scripts.lab.replay.recording import RecordedRequest, load_recording, save_recording
from scripts.lab.replay.report import read_versions, render_table, summarise_outcomes
from scripts.lab.replay.sender import Sender
from scripts.lab.replay.verify import TranscriptUnreadableError, verify


@click.command()
@click.argument("recording", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--url", default="http://127.0.0.1:3000", show_default=True, help="The server.")
@click.option("--token", envvar="WEBHOOK_TOKEN", default="", help="The webhook token [WEBHOOK_TOKEN].")
@click.option("--admin-token", envvar="ADMIN_TOKEN", default="", help="For --verify [ADMIN_TOKEN].")
@click.option("--count", default=500, show_default=True, help="Number of invented webhooks, without a RECORDING.")
@click.option("--users", default=20, show_default=True, help="Number of invented wearables.")
@click.option("--rate", default=50.0, show_default=True, help="Invented webhooks per second.")
@click.option("--seed", default=None, type=int, help="The same seed invents the same conversations.")
@click.option("--speed", default=1.0, show_default=True, help="Speed as a factor of the recorded one.")
@click.option(
    "--save", type=click.Path(dir_okay=False, path_type=Path), help="Also write all sent webhooks as a recording."
)
@click.option(
    "--accept-log",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Append the acknowledged webhooks to this file.",
)
@click.option("--verify", "verify_within_s", type=float, metavar="SECONDS", help="Check that the server kept them.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Also write the figures.")
@click.option("--i-own-this-server", is_flag=True, help="Allow a target that is not on this machine.")
def replay_webhooks(  # noqa: PLR0913 (one per option)
    *,
    recording: Path | None,
    url: str,
    token: str,
    admin_token: str,
    count: int,
    users: int,
    rate: float,
    seed: int | None,
    speed: float,
    save: Path | None,
    accept_log: Path | None,
    verify_within_s: float | None,
    json_file: Path | None,
    i_own_this_server: bool,
) -> None:
    """Send webhooks at their scheduled times and report the replies.

    RECORDING is a file of JSON Lines; without it conversations are invented. Exits with 1 if a webhook was not
    acknowledged, or if --verify finds lost or duplicate data, or a question without exactly one answer.
    """
    if verify_within_s is not None and accept_log is None:
        raise click.UsageError("--verify compares with the accept log: name its file with --accept-log")
    try:
        target = parse_target(url, token=token, admin_token=admin_token, is_ours=i_own_this_server)
        requests = load_recording(recording) if recording else _invent(seed, users=users, rate=rate, count=count)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if save is not None:
        save_recording(save, requests)
    figures, is_good = asyncio.run(_run(target, requests, speed, accept_log, verify_within_s))
    click.echo(render_table(figures))
    if json_file is not None:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode({**figures, "versions": read_versions()})))
    sys.exit(0 if is_good else 1)


def _invent(seed: int | None, *, users: int, rate: float, count: int) -> list[RecordedRequest]:
    if seed is None:
        seed = int(SystemClock().now_s())
        click.echo(f"seed {seed}")
    return ConversationGenerator(seed=seed, users=users, rate_per_s=rate).take(count)


async def _run(
    target: Target,
    requests: list[RecordedRequest],
    speed: float,
    accept_log: Path | None,
    verify_within_s: float | None,
) -> tuple[dict[str, object], bool]:
    clock = SystemClock()
    if accept_log is None:
        sender = Sender(target, clock=clock)
        await sender.send(requests, speed=speed)
    else:
        with AcceptLog(accept_log) as log:
            sender = Sender(target, clock=clock, accept_log=log)
            await sender.send(requests, speed=speed)
    figures = summarise_outcomes(sender.outcomes)
    is_good = not sender.unacknowledged()
    if accept_log is not None and verify_within_s is not None:
        try:
            verdict = await verify(target, load_promises(accept_log), clock=clock, answers_within_s=verify_within_s)
        except TranscriptUnreadableError as error:
            raise click.ClickException(str(error)) from error
        figures |= _count_verdict(verdict)
        is_good = is_good and verdict.is_kept
    return figures, is_good


def _count_verdict(verdict: Verdict) -> dict[str, object]:
    """Return the verdict with the length of each list."""
    return {name: len(value) if isinstance(value, list) else value for name, value in asdict(verdict).items()}


if __name__ == "__main__":
    replay_webhooks()
