"""Rows of the bench in their order: description, measurement and target of each.

Not here: the measurement of a row (its own module), a run (__main__.py). Threads: one event loop.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omi_actors.clock import Clock
from scripts.lab.bench.answer_steps import STEPS, measure_steps
from scripts.lab.bench.answers import measure_answers, measure_first_tokens
from scripts.lab.bench.crashes import measure_crashes
from scripts.lab.bench.dashboards import measure_dashboards
from scripts.lab.bench.nodes import are_nodes_fast, measure_nodes, show_nodes
from scripts.lab.bench.people import (
    Measure,
    measure_calls,
    measure_erasure,
    measure_on_all,
    measure_phones,
    measure_wearers,
)
from scripts.lab.bench.people_load import CALLS
from scripts.lab.bench.queue import NewDatabase, measure_queue
from scripts.lab.bench.sessions import measure_sessions
from scripts.lab.bench.sizes import Sizes
from scripts.lab.bench.startup import measure_startup
from scripts.lab.bench.storm import measure_storm
from scripts.lab.bench.throughput import measure_throughput
from scripts.lab.bench.trickle import measure_trickle
from scripts.lab.hearing.score import REQUIRED_P50_S, REQUIRED_P95_S
from scripts.lab.hearing.server import measure_time_to_answer

Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Resources of the rows (one row is one measurement): sizes, folders, fake models, clock, PostgreSQL.

    Each row gets an empty folder below `work_dir`.
    The model at `model_url` answers at once; the one at `timed_url` sends the time of its first token; the one at
    `trickling_url` sends a byte a second.
    """

    sizes: Sizes
    work_dir: Path
    model_url: str
    timed_url: str
    trickling_url: str
    clock: Clock
    new_postgres: NewDatabase | None = None

    def folder(self, name: str) -> Path:
        """Make and return the folder of a row."""
        folder = self.work_dir / name
        folder.mkdir()
        return folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the page. `show` formats its figures; `reaches` compares them with the target."""

    what: str
    how: str
    target: str
    measure: Callable[[Bench], Awaitable[Figures]]
    show: Callable[[Figures], str]
    reaches: Callable[[Figures], bool]
    # Details for the terminal, beyond the page's line.
    explain: Callable[[Figures], str] | None = None


async def _throughput(bench: Bench) -> Figures:
    return await measure_throughput(bench.sizes.throughput, work_dir=bench.folder("throughput"), clock=bench.clock)


async def _crashes(bench: Bench) -> Figures:
    return await measure_crashes(bench.sizes.crashes, folder=bench.folder("crashes"))


async def _storm(bench: Bench) -> Figures:
    return await measure_storm(bench.sizes.storm_phases, bench.sizes.storm_phase_s, folder=bench.folder("storm"))


async def _answers(bench: Bench) -> Figures:
    folder = bench.folder("answers")
    sizes, model_url = bench.sizes, bench.model_url
    figures = await measure_answers(
        sizes.questions, warm_up=sizes.warm_up, model_url=model_url, work_dir=folder, clock=bench.clock
    )
    steps = await measure_steps(
        sizes.steps, warm_up=sizes.warm_up, model_url=model_url, folder=bench.folder("answer_steps")
    )
    return {**figures, **steps}


async def _first_token(bench: Bench) -> Figures:
    folder, sizes = bench.folder("first_token"), bench.sizes
    return await measure_first_tokens(
        sizes.questions, warm_up=sizes.warm_up, timed_url=bench.timed_url, work_dir=folder, clock=bench.clock
    )


async def _trickle(bench: Bench) -> Figures:
    folder = bench.folder("trickle")
    return await measure_trickle(bench.sizes.trickle, model_url=bench.trickling_url, work_dir=folder, clock=bench.clock)


async def _queue(bench: Bench) -> Figures:
    sizes, folder = bench.sizes, bench.folder("queue")
    return measure_queue(
        sizes.queued, sizes.queue_runs, folder=folder, clock=bench.clock, new_postgres=bench.new_postgres
    )


def _people(name: str, measure: Measure) -> Callable[[Bench], Awaitable[Figures]]:
    async def run(bench: Bench) -> Figures:
        return await measure_on_all(measure, bench.sizes.people, work_dir=bench.folder(name), clock=bench.clock)

    return run


def _call_p99s(found: Figures) -> list[float]:
    return [value for kind in CALLS for value in _all(found, f"{kind}_p99_ms")]


def _all(found: Figures, name: str) -> list[float]:
    """Return the figures of this name on all databases."""
    return [value for key, value in found.items() if key.endswith(f"_{name}")]


async def _startup(bench: Bench) -> Figures:
    return await measure_startup(bench.sizes.starts, work_dir=bench.folder("startup"), clock=bench.clock)


ROWS: Mapping[str, Row] = {
    "throughput": Row(
        what="durable webhook without a question, cost against a bare Tornado handler that only parses it",
        how=(
            "CPU time per request of the server process (user and kernel, all threads), as bare ÷ ours, median over "
            "pairs of alternating slices under the same closed load; both servers on one core, the load on another. "
            "Omi Actors checks its token, hears the segment, commits it with a sync, logs and counts."
        ),
        target="≥ 0.8",
        measure=_throughput,
        show=lambda found: f"{found['ratio']} ({found['ratio_min']} to {found['ratio_max']})",
        reaches=lambda found: found["ratio"] >= 0.8,  # noqa: PLR2004
    ),
    "nodes": Row(
        what="several nodes to which all wearers come at every node, against wearers of their own for each node",
        how=(
            "Nodes on one PostgreSQL and one Redis, all on this machine with the load. Slices of both kinds alternate "
            "under the same closed load; pairs give the ratio of throughput. At half of that rate, open, pairs give "
            "the ratio of CPU time per webhook (nodes, PostgreSQL, Redis), and the latencies. Medians."
        ),
        target="throughput ≥ 0.85, CPU ≤ 1.2, p99 ≤ 100 ms, no deadlock",
        measure=lambda bench: measure_nodes(bench.sizes.nodes, work_dir=bench.folder("nodes"), clock=bench.clock),
        show=show_nodes,
        reaches=are_nodes_fast,
    ),
    "dashboards": Row(
        what="the same webhook's cost while 100 dashboards are open",
        how=(
            "CPU time per webhook of the server process, with 100 event streams of the dashboard that are read, over "
            "that without, median over pairs of alternating slices under the same closed load. The server builds the "
            "document once a second and sends it to each."
        ),
        target="< 5 % more",
        measure=lambda bench: measure_dashboards(
            bench.sizes.dashboards, work_dir=bench.folder("dashboards"), clock=bench.clock
        ),
        show=lambda found: (
            f"{100 * found['growth']:.1f} % more ({100 * found['growth_min']:.1f} to {100 * found['growth_max']:.1f})"
        ),
        reaches=lambda found: found["growth"] < 0.05,  # noqa: PLR2004
    ),
    "sessions": Row(
        what="live sessions in one process",
        how=(
            "In a process without HTTP, on the server's event loop: every session hears 30 segments in one durable "
            "webhook (`durable activations per s`). Bytes per session are "
            "the growth of resident memory; lag is the delay of a due callback on the loop while webhooks go to "
            "random sessions. `activations per s`: first webhooks over a store that answers from memory."
        ),
        target="100,000 at ≤ 4 KiB, lag < 50 ms, ≥ 10,000 activations/s, ≥ 3,000 durable",
        measure=lambda bench: measure_sessions(bench.sizes.sessions, folder=bench.folder("sessions")),
        show=lambda found: (
            f"{found['sessions']:,} at {found['bytes_per_session'] / 1024:.1f} KiB, lag {found['lag_max_ms']} ms, "
            f"{found['activations_per_s']:,} activations/s, {found['durable_activations_per_s']:,} durable"
        ),
        reaches=lambda found: (
            found["sessions"] >= 100_000  # noqa: PLR2004
            and found["bytes_per_session"] <= 4096  # noqa: PLR2004
            and found["lag_max_ms"] < 50  # noqa: PLR2004
            and found["activations_per_s"] >= 10_000  # noqa: PLR2004
            and found["durable_activations_per_s"] >= 3_000  # noqa: PLR2004
        ),
    ),
    "answers": Row(
        what="the server's share of an answer, webhook in to reply out",
        how=(
            "Webhooks with a question, one at a time, answered in their own reply by a model that answers at once; "
            "that model's own time (median of direct calls) is subtracted. The steps, in a process without HTTP and "
            "with a pause between questions, are medians; the step of the model includes its own time."
        ),
        target="p50 ≤ 10 ms, p99 ≤ 50 ms",
        measure=_answers,
        show=lambda found: f"p50 {found['share_p50_ms']} ms, p99 {found['share_p99_ms']} ms",
        reaches=lambda found: found["share_p50_ms"] <= 10 and found["share_p99_ms"] <= 50,  # noqa: PLR2004
        explain=lambda found: "\n".join(
            f"  {found[name]:8.2f} ms  {name.removeprefix('step_').removesuffix('_ms').replace('_', ' ')}"
            for name in (*(f"step_{step}_ms" for step in STEPS), "synced_commit_alone_ms")
        ),
    ),
    "time_to_answer": Row(
        what="time to answer of spoken questions, from the last words to the moment when the answer leaves",
        how=(
            "The cases of hearing, sent to a server at real pace, each as a person of its own who can be notified; the "
            "demo model answers at once. `missing` has no answer, `twice` more than one, `false` is an answer to words "
            "that asked nothing; all are counted against what hearing alone finds in the same cases."
        ),
        target="p50 ≤ 0.3 s where the words end the question, p95 ≤ 2.8 s over all, nobody answered twice",
        measure=lambda bench: measure_time_to_answer(bench.sizes.spoken_cases),
        show=lambda found: (
            f"p50 {found['words_p50_s']} s by words, p95 {found['p95_s']} s over all; {found['questions']:,} asked, "
            f"{found['notified']} notified, {found['twice']} twice"
        ),
        reaches=lambda found: (
            found["words_p50_s"] <= REQUIRED_P50_S and found["p95_s"] <= REQUIRED_P95_S and not found["twice"]
        ),
    ),
    "first_token": Row(
        what="a streamed answer's first token, from the model's sending to the reader",
        how=(
            "Typed questions, one at a time, read as an event stream over real connections; the model's first token is "
            "the moment of its sending on the clock that all processes share."
        ),
        target="p50 ≤ 10 ms",
        measure=_first_token,
        show=lambda found: f"p50 {found['first_token_p50_ms']} ms, p99 {found['first_token_p99_ms']} ms",
        reaches=lambda found: found["first_token_p50_ms"] <= 10,  # noqa: PLR2004
    ),
    "crashes": Row(
        what="crash of a session to the first answer of its replacement",
        how=(
            "In a process without HTTP: a message crashes each session once, with a webhook right behind it; the time "
            "is from the crash to that webhook's durable reply."
        ),
        target="p99 ≤ 50 ms",
        measure=_crashes,
        show=lambda found: f"p50 {found['answers_again_p50_ms']} ms, p99 {found['answers_again_p99_ms']} ms",
        reaches=lambda found: found["answers_again_p99_ms"] <= 50,  # noqa: PLR2004
    ),
    "storm": Row(
        what="other sessions while 100 sessions crash on every message",
        how=(
            "In a process without HTTP: 50 sessions speak 20 times a second each; in every second phase 100 others get "
            "a message every half second and crash on it, until they are quarantined. The p99 of the 50, storm ÷ calm, "
            "median over the pairs of phases."
        ),
        target="p99 under 2 x its value without them",
        measure=_storm,
        show=lambda found: (
            f"{found['p99_ratio']} x ({found['calm_p99_ms']} ms to {found['storm_p99_ms']} ms), "
            f"{found['crashes']:,} crashes, {found['quarantines']} quarantines"
        ),
        reaches=lambda found: found["p99_ratio"] < 2 and found["is_ready"],  # noqa: PLR2004
    ),
    "trickle": Row(
        what="a model that sends one byte a second, in 50 sessions",
        how=(
            "50 sessions ask again and again, from within the first five seconds, and speak twice a second while they "
            "wait; 50 others speak five times a second. An answer's time is from the question to its stored failure "
            "sentence; each must be delivered once. `others`: from a webhook of the 50 others to its durable reply."
        ),
        target="answers within the model's deadline + 1 s, others p99 < 100 ms, none delivered twice",
        measure=_trickle,
        show=lambda found: (
            f"{found['turns']} answers, the longest {found['turn_max_s']} s (deadline {found['deadline_s']} s), others "
            f"p99 {found['others_p99_ms']} ms, {found['said_twice']} delivered twice, {found['unsaid']} not delivered"
        ),
        reaches=lambda found: (
            found["turns"] > 0
            and found["turn_max_s"] <= found["deadline_s"] + 1
            and found["others_p99_ms"] < 100  # noqa: PLR2004
            and not found["said_twice"]
            and not found["unsaid"]
            and not found["refused"]
        ),
    ),
    "queue": Row(
        what="enqueue and claim with 100,000 jobs waiting",
        how=(
            "640 jobs, 64 in a transaction, are enqueued, then claimed, on an empty table and, in turn, beside "
            "100,000 waiting jobs: in as many lanes, and in 100 lanes as full as they may be. A share is the speed "
            "relative to the empty table's, the median of interleaved runs."
        ),
        target="every share ≥ 0.8",
        measure=_queue,
        show=lambda found: (
            f"least share {found['least_share']}; sqlite {found['sqlite_enqueue_per_s']:,} enqueued/s, "
            f"{found['sqlite_claim_per_s']:,} claimed/s"
        ),
        reaches=lambda found: found["least_share"] >= 0.8,  # noqa: PLR2004
    ),
    "startup": Row(
        what="start to ready, existing database",
        how="From the start of the process until `/readyz` answers 200, embedded defaults; median.",
        target="≤ 1.5 s",
        measure=_startup,
        show=lambda found: f"{found['ready_s']} s",
        reaches=lambda found: found["ready_s"] <= 1.5,  # noqa: PLR2004
    ),
    "people": Row(
        what="calls of persons beside webhooks, in a store of 1,000,000 memories and 1,000,000 messages",
        how=(
            "One person has 10,000 of each, 990 others 1,000. 20 calls a second, every second one of the large person: "
            "lists of memories, conversations and messages, searches of memories, recall "
            "(`/conversations/search`) and statistics; beside webhooks at 80 % of the maximum, which is measured "
            "first. Latencies count from the time at which a call is due. `kept`: webhooks a second with the calls ÷ "
            "without them, in turns. The load is another process on the same machine."
        ),
        target="p99 ≤ 50 ms of each kind, webhooks keep ≥ 0.95",
        measure=_people("people", measure_calls),
        show=lambda found: (
            f"p99 {max(_call_p99s(found))} ms at most, webhooks keep {min(_all(found, 'kept'))} at least"
        ),
        reaches=lambda found: max(_call_p99s(found)) <= 50 and min(_all(found, "kept")) >= 0.95,  # noqa: PLR2004
    ),
    "phones": Row(
        what="phones that poll as the app does, on one node",
        how=(
            "Each phone has a connection and asks for the current conversation every 3 s, its messages every 5 s and "
            "the windows every 30 s. Largest number of those tried with a p99 within the target, in the same store. A "
            "latency counts from the time at which a phone wants to ask, so the load's own lateness is part of it. "
            "Before, the phones ask for 20 s, unmeasured: a server that has just started reads its store from disk."
        ),
        target="≥ 1,500 phones at p99 ≤ 100 ms",
        measure=_people("phones", measure_phones),
        show=lambda found: f"{min(_all(found, 'phones')):,} phones",
        reaches=lambda found: min(_all(found, "phones")) >= 1_500,  # noqa: PLR2004
    ),
    "erasure": Row(
        what="webhooks while the account of the person with 10,000 memories and 10,000 messages is erased",
        how=(
            "Webhooks a second as fast as possible, from `DELETE /account` until `/account/erasure` says `erased`, ÷ "
            "before. A step deletes 100 rows at most, with pauses of 50 ms."
        ),
        target="≥ 0.8, erased within 10 minutes",
        measure=_people("erasure", measure_erasure),
        show=lambda found: (
            f"{' and '.join(map(str, _all(found, 'ratio')))}, within {max(_all(found, 'seconds_at_most')):.0f} s"
        ),
        reaches=lambda found: min(_all(found, "ratio")) >= 0.8 and max(_all(found, "seconds_at_most")) <= 600,  # noqa: PLR2004
    ),
    "wearers": Row(
        what="webhooks of linked wearers against those of unlinked ones",
        how="Webhooks a second of 500 linked wearers ÷ of 1,000 unlinked ones, median over slices in turns.",
        target="≥ 0.95",
        measure=_people("wearers", measure_wearers),
        show=lambda found: " and ".join(map(str, _all(found, "ratio"))),
        reaches=lambda found: min(_all(found, "ratio")) >= 0.95,  # noqa: PLR2004
    ),
}
