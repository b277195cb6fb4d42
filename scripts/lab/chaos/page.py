"""Page: build docs/reliability.md only from the JSON of one run on each database.

Not here: the figures (act.py). Threads: any; pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_HEAD = """# Reliability

Made by `scripts/chaos --docs` from `reliability-sqlite.json` and `reliability-postgres.json`, each written by one run
of `scripts/chaos`, or merged from several: what was measured by a later run says so. Do not edit.

Every fault gets a server of its own, loaded by people who speak twice a second; every sixth webhook asks something. One
half's webhooks are sent once, as Omi does, the other half's by a sender that retries. What was acknowledged is compared
with what the server kept, and every answer with what reached its wearer. Always demanded, whatever the fault: nothing
acknowledged lost, nothing stored or delivered twice, every question answered once, no 5xx for Omi.

"Stored twice" and "delivered twice" are broken promises wherever they are not 0. "Unknown, explained" are answers
whose delivery the fault cut, so that nobody can know whether they were heard: they are counted, never notified again,
and said with the next reply, beginning with "Again:". Recovery counts from the end of the fault to the first success:
a webhook that is acknowledged, or an answer where the model was the fault.

Database, Redis, model and Omi's API are servers that the run starts for itself. What no request and no signal can cause
is planted in the server's process: a bug that crashes an actor, and a wall clock that jumps or is wrong.
"""
_KILLS = """
## Kills under everything that people do

`scripts/kill_test` kills the server with SIGKILL again and again while wearables speak, and while persons with accounts
register, sign in and out, link wearables, keep, edit and delete memories, type preferences, send messages, add and
complete tasks, rename and delete conversations, and delete accounts. What was not acknowledged is sent again with the
same key, or given up. Every change is in a log outside the server before it is sent, and again when it is acknowledged.
Afterwards each person signs in and reads everything. A thing must be there once, as it was acknowledged last, or as an
open change (sent later, never acknowledged) would have it: the whole of it, or nothing. What was deleted, and a token
that was revoked, must not come back.

"Broken" counts what was lost, stored twice, another than acknowledged, back after its deletion, stored by halves, never
sent, or refused.
"""
_POWER = """
## Power cuts

A kill leaves what the server wrote in the system's memory; a power cut does not. `scripts/power_cuts` traces a server
on SQLite under load with strace: every change of a file, every sync, and every byte that leaves, in their order. The
server starts with nothing, is stopped, starts again and is killed. Its folder is then rebuilt as a disk has it at a
moment beside a sync, right after a promise, or anywhere. What was not synced is kept, lost, or torn: of each 512 bytes
some version survives, and of the changes to names the first ones. The `-shm` file is left out. What is left is opened
with the program's own store and judged: every acknowledged segment and question is there once, every answer that left
is stored and will not be said again as if it never was, what a person kept is there and what they deleted is gone, the
database is whole, and so are the files beside it.

A server with `synchronous=NORMAL` planted in it shows that the cuts find what they look for.
"""
# Figures of power cuts, in the order of the columns.
_POWER_COLUMNS = {
    "cuts": "cuts",
    "webhooks_acknowledged": "webhooks acknowledged",
    "answers_spoken": "answers that left",
    "memories_kept_or_deleted": "memories kept or deleted",
    "changes_of_files": "changes of files",
    "syncs": "syncs",
    "lost": "acknowledged, lost",
    "stored_twice": "stored twice",
    "came_back": "came back",
    "said_again": "would be said again",
    "unopened": "files that do not open",
}
_STORMS = """
## Storms on virtual time

`scripts/storms` runs the whole tree of actors on a virtual event loop, each storm from one seed: the actor that runs
next, the time of each step, the hints that are lost, when the store, the model and Omi's API are slow, fail or leave a
result unclear, when actors crash, the clock leaps, and the node dies, often beside a commit, a reply or a notification.
It starts again on its file. At the end what was acknowledged is stored once, in order; each question has one answer,
within its time; each answer was spoken once, or once more and marked after a crash or a lost result; no wearer got more
notifications than Omi allows; no mailbox or slot holds anything. The same seed brings the same events, byte for byte.

Threads are played on the loop, HTTP is left out, and the disk keeps what was committed: kills of the process and power
cuts stand above.
"""
# Figures of storms, in the order of the columns.
_STORM_COLUMNS = {
    "storms": "storms",
    "webhooks": "webhooks",
    "fewest_webhooks": "fewest in a storm",
    "questions": "questions",
    "heard": "answers heard",
    "lives": "lives of the node",
    "events": "events",
    "storms_with_a_wrong": "storms that broke a promise",
    "cpu_s": "processor time, s",
    "wall_s": "time, s",
}
# Figures of a kill test, in the order of the columns.
_KILL_COLUMNS = {
    "restarts": "kills",
    "accepted": "segments accepted",
    "lost": "lost",
    "stored_twice": "stored twice",
    "questions_accepted": "questions",
    "answered_once": "answered once",
    "delivered_twice": "delivered twice",
    "people_acknowledged": "persons' changes acknowledged",
    "people_repeated": "sent again",
    "people_things": "things looked for",
    "people_open": "open changes",
    "longest_recovery_s": "longest recovery, s",
}
_KILL_ERRORS = ("lost", "stored_twice", "altered", "came_back", "half_stored", "never_sent", "refused")
# Figures of every fault, in the order of the columns; its other figures stand below the table.
_COLUMNS = {
    "accepted": "segments accepted",
    "completed": "questions completed",
    "lost": "lost",
    "stored_twice": "stored twice",
    "delivered_twice": "delivered twice",
    "unknown": "unknown, explained",
    "failed_honestly": "answered by an honest failure",
    "dropped": "dropped with header, counted",
    "retriers_503": "503 to retriers",
    "omi_5xx": "5xx to Omi",
    "no_reply": "no reply",
    "longest_recovery_s": "longest recovery, s",
    "longest_answer_s": "longest answer, s",
}
# Figures that are summed over several runs of a fault; of the others the worst is shown.
_SUMS = frozenset(_COLUMNS) - {"longest_recovery_s", "longest_answer_s"}


def render_page(
    runs: Sequence[Mapping[str, Any]],
    kills: Sequence[Mapping[str, Any]] = (),
    power: Mapping[str, Any] | None = None,
    storms: Mapping[str, Any] | None = None,
) -> str:
    """Return the page of these runs, of kill tests, power cuts and storms as Markdown.

    Raises: ValueError for a run with tiny sizes, since its figures are useless.
    """
    if any(run["quick"] for run in runs):
        raise ValueError("the figures are of a --quick run and mean nothing")
    faults = {fault["name"]: fault for run in runs for fault in run["faults"]}
    parts = [_HEAD, "| fault | held | what happens | promise attacked | what may come of it |", "|---|---|---|---|---|"]
    for name, fault in faults.items():
        shown = ", ".join(f"{run['database']} {_held(run, name)}" for run in runs if _played(run, name))
        parts.append(f"| `{name}` | {shown} | {fault['what']} | {fault['promise']} | {fault['allowed']} |")
    parts += _kills(kills) if kills else ()
    parts += _power(power) if power else ()
    parts += _storms(storms) if storms else ()
    for run in runs:
        parts += ["", f"## {_title(run)}", "", *_table(run), "", *_details(run), *_circumstances(run)]
    return "\n".join(parts) + "\n"


def _kills(tests: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    yield _KILLS
    yield f"| database | {' | '.join(_KILL_COLUMNS.values())} | broken |"
    yield "|---" * (len(_KILL_COLUMNS) + 2) + "|"
    for test in tests:
        broken = sum(test[f"people_{name}"] for name in _KILL_ERRORS)
        yield f"| {test['database']} | {' | '.join(f'{test[name]:,}' for name in _KILL_COLUMNS)} | {broken} |"
    yield ""
    for test in tests:
        kinds = ", ".join(f"{kind} {count}" for kind, count in test["people_kinds"].items())
        yield f"- {test['database']}: acknowledged by kind: {kinds}."
        yield f"  Measured {test['date']}, commit {test['commit']}: `{test['command']}`, seed {test['seed']}."


def _power(test: Mapping[str, Any]) -> Iterable[str]:
    yield _POWER
    columns = {name: words for name, words in _POWER_COLUMNS.items() if name in test}  # an older run has fewer
    yield f"| {' | '.join(columns.values())} | planted fault found |"
    yield "|---" * (len(columns) + 1) + "|"
    found = f"in {test['planted_found_in']:,} of {test['planted_cuts']:,} cuts"
    yield f"| {' | '.join(f'{test[name]:,}' for name in columns)} | {found} |"
    yield ""
    fates = ", ".join(f"{fate} {count}" for fate, count in sorted(test["cuts_by_fate"].items()))
    machine = "{cpu}, {cores} cores, {memory_gib} GiB, {system}".format(**test["machine"])
    versions = ", ".join(f"{name} {version}" for name, version in test["versions"].items())
    yield f"- What was not synced: {fates}."
    yield f"  Machine: {machine}. Versions: {versions}."
    yield f"  Measured {test['date']}, commit {test['commit']}: `{test['command']}`, seed {test['seed']}."


def _storms(test: Mapping[str, Any]) -> Iterable[str]:
    yield _STORMS
    yield f"| {' | '.join(_STORM_COLUMNS.values())} |"
    yield "|---" * len(_STORM_COLUMNS) + "|"
    yield f"| {' | '.join(f'{test[name]:,}' for name in _STORM_COLUMNS)} |"
    yield ""
    plants = ", ".join(f"{name} by seed {seed}" for name, seed in test["plants"].items())
    machine = ", ".join(f"{name} {value}" for name, value in test["machine"].items())
    versions = ", ".join(f"{name} {version}" for name, version in test["versions"].items())
    yield f"- Planted faults, each found: {plants}. All events: {test['digest']}."
    yield f"- Machine: {machine}. Versions: {versions}."
    yield f"  Measured {test['date']}, commit {test['commit']}: `{test['command']}`."


def _title(run: Mapping[str, Any]) -> str:
    """Return the database, and that all faults are of sessions' owners if they are."""
    of_owners = all(fault["name"].startswith("owner_") for fault in run["faults"])
    return f"{run['database']}{': the owner of sessions' if of_owners else ''}"


def _played(run: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return [fault for fault in run["faults"] if fault["name"] == name]


def _held(run: Mapping[str, Any], name: str) -> str:
    played = _played(run, name)
    held = sum(fault["is_held"] for fault in played)
    return f"{held} of {len(played)}"


def _table(run: Mapping[str, Any]) -> Iterable[str]:
    yield f"| fault | {' | '.join(_COLUMNS.values())} |"
    yield "|---" * (len(_COLUMNS) + 1) + "|"
    for name in _names(run):
        figures = [fault["figures"] for fault in _played(run, name)]
        cells = [_gather(column, [one.get(column, 0) for one in figures]) for column in _COLUMNS]
        yield f"| `{name}` | {' | '.join(cells)} |"


def _gather(column: str, values: Sequence[float | None]) -> str:
    """Return one cell; None for a figure that a fault cannot measure."""
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    return f"{sum(known) if column in _SUMS else max(known):,}"


def _details(run: Mapping[str, Any]) -> Iterable[str]:
    """Yield the other figures of a fault's last play, and the command that repeats the play."""
    for name in _names(run):
        fault = _played(run, name)[-1]
        seen = [
            f"{key.replace('_', ' ')} {value}"
            for key, value in fault["figures"].items()
            if key not in {*_COLUMNS, "exit_code"}
        ]
        settings = [f"{key}={value}" for key, value in fault["settings"].items()]
        yield f"- `{name}`: {', '.join([*seen, *settings])}."
        yield f"  Again: `scripts/chaos --only {name} --database {run['database']} --seed {fault['seed']}`"
        if fault.get("command", run["command"]) != run["command"]:
            yield f"  Measured by a run of its own, {fault['date']}, commit {fault['commit']}: `{fault['command']}`"
    yield ""


def _circumstances(run: Mapping[str, Any]) -> Iterable[str]:
    rows = {
        "date": run["date"],
        "commit": run["commit"],
        "command": f"`{run['command']}`",
        "seed": run["seed"],
        **run["machine"],
        **run["versions"],
    }
    yield from ("| measured with | |", "|---|---|")
    yield from (f"| {name} | {value} |" for name, value in rows.items())


def _names(run: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(fault["name"] for fault in run["faults"]))
