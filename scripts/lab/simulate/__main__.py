"""scripts/simulate: let many wearables talk to a server; every question must be answered exactly once.

Not here: the run (run.py), the judgement (judge.py). Threads: one event loop.
"""

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from omi_actors.clock import Clock, SystemClock
from scripts.lab.replay.fake_omi import FakeOmi
from scripts.lab.replay.http import Target, parse_target
from scripts.lab.replay.report import render_table
from scripts.lab.replay.sender import build_signer
from scripts.lab.simulate.kinds import WHOLE, Kind
from scripts.lab.simulate.plan import Options
from scripts.lab.simulate.report import Report
from scripts.lab.simulate.run import Simulation, UnfitTargetError, check_target, start_own

# Errors that are printed; the JSON has all.
_SHOWN = 20
_PROFILES = {"all": tuple(Kind), "whole": (*WHOLE, Kind.MENTION)}


@click.command(short_help="Let invented wearables talk to a server.")
@click.option("--wearables", default=60, show_default=True, type=click.IntRange(1, 10_000), help="Number of wearables.")
@click.option("--seconds", default=60.0, show_default=True, type=click.FloatRange(1.0), help="Duration of the talk.")
@click.option("--seed", type=int, help="The same seed makes the same conversations.")
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0.01),
    help="Speed of the talk and its pauses, as a factor.",
)
@click.option("--profile", type=click.Choice([*_PROFILES]), default="all", show_default=True, help="Kinds of talk.")
@click.option("--only", multiple=True, type=click.Choice([kind.value for kind in Kind]), help="Only these kinds.")
@click.option("--target", "url", help="A running server with the demo model, instead of one of our own.")
@click.option("--token", envvar="WEBHOOK_TOKEN", default="", help="The target's webhook token [WEBHOOK_TOKEN].")
@click.option("--signing-secrets", envvar="OMI_SIGNING_SECRETS", default="", help="Sign [OMI_SIGNING_SECRETS].")
@click.option("--admin-token", envvar="ADMIN_TOKEN", default="", help="The target's operator token [ADMIN_TOKEN].")
@click.option("--omi-port", default=0, help="Port of the fake Omi; the target needs OMI_API_URL=http://127.0.0.1:PORT.")
@click.option("--i-own-this-server", is_flag=True, help="Allow a target that is not on this machine.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Also write the result.")
def simulate(  # noqa: PLR0913 (one per option)
    *,
    wearables: int,
    seconds: float,
    seed: int | None,
    speed: float,
    profile: str,
    only: Sequence[str],
    url: str | None,
    token: str,
    signing_secrets: str,
    admin_token: str,
    omi_port: int,
    i_own_this_server: bool,
    json_file: Path | None,
) -> None:
    """Let invented wearables talk to a server at real pace, and check its answers.

    Without --target it starts a server with its own data, signed webhooks and the demo model. It exits with 1 unless
    every question is answered exactly once, with its words, and no other answer is sent.
    """
    clock = SystemClock()
    kinds = tuple(Kind(name) for name in only) or _PROFILES[profile]
    seed = int(clock.now_s()) if seed is None else seed
    options = Options(seed=seed, wearables=wearables, seconds=seconds, kinds=kinds)
    try:
        is_ours = i_own_this_server
        target = parse_target(url, token=token, admin_token=admin_token, is_ours=is_ours) if url else None
        click.echo(f"{wearables} wearables talk for {seconds / speed:.0f} s, seed {seed}")
        secrets = [secret.strip() for secret in signing_secrets.split(",") if secret.strip()]
        report = asyncio.run(_run(options, target, secrets, clock, speed=speed, omi_port=omi_port))
    except (ValueError, UnfitTargetError) as error:
        raise click.UsageError(str(error)) from error
    _show(report)
    if json_file is not None:
        json_file.write_bytes(report.to_json())
    sys.exit(0 if report.is_good else 1)


async def _run(
    options: Options, target: Target | None, secrets: Sequence[str], clock: Clock, *, speed: float, omi_port: int
) -> Report:
    omi = FakeOmi(clock=clock)
    listening = omi.listen(omi_port)
    try:
        if target is None:
            return await _run_own(options, omi, clock, speed)
        notifies = await check_target(target)
        sign = build_signer(secrets, clock) if secrets else None
        run = Simulation(
            options, target=target, sign=sign, omi=omi, clock=clock, speed=speed, notifies=notifies, say=_say
        )
        return await run.run()
    finally:
        listening.stop()
        await listening.close_all_connections()


async def _run_own(options: Options, omi: FakeOmi, clock: Clock, speed: float) -> Report:
    with tempfile.TemporaryDirectory(prefix="simulate-") as folder:
        async with start_own(Path(folder), omi, clock) as (target, sign):
            run = Simulation(options, target=target, sign=sign, omi=omi, clock=clock, speed=speed, say=_say)
            return await run.run()


def _say(line: str) -> None:
    click.echo(f"  {line}", err=True)


def _show(report: Report) -> None:
    click.echo(render_table(report.figures()))
    click.echo(render_table(report.kinds()))
    wrongs = [*report.wrongs()]
    for wrong in wrongs[:_SHOWN]:
        click.echo(f"  {wrong}", err=True)
    if len(wrongs) > _SHOWN:
        click.echo(f"  and {len(wrongs) - _SHOWN} more; --json writes all", err=True)
    if report.kept:
        click.echo(
            f"Kept until the wearer spoke again: {len(report.kept)}. The target sends no notifications; with "
            "OMI_APP_ID and OMI_APP_SECRET it would."
        )
    click.echo("All is right." if report.is_good else "Something is wrong.")


if __name__ == "__main__":
    simulate()
