"""The checks, features and figures behind /health, built from the latest readings. No actor is asked.

Not here: taking the readings (actors/metrics_collector.py), access to them (web/). Threads: the event loop's.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import Counter, Gauge
from prometheus_client.samples import Sample

from config.settings import Settings
from omi_actors import __version__
from omi_actors.actors.embedder import find_installed
from omi_actors.actors.maintenance.eraser import OpenErasures
from omi_actors.actors.maintenance.node_lease import OFF_WARN_S, NodeReadings
from omi_actors.actors.metrics_collector import LatestReadings, read_resident_bytes
from omi_actors.backplane.interface import BackplaneState
from omi_actors.clients.model_chain import GuardedModel, ModelChain
from omi_actors.clients.omi_api import GuardedNotifier
from omi_actors.domain.answers.breaker import BreakerState
from omi_actors.domain.work.retention import RESUME, explain_rest
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import current_level
from omi_actors.jobs.kinds import BudgetGuard
from omi_actors.kit.spec import ChildState
from omi_actors.parts import Parts
from omi_actors.status.inner_faults import NOTIFICATION_HINTS
from omi_actors.status.nodes import CHECK as OTHER_NODES
from omi_actors.status.nodes import Nodes, find_worst
from omi_actors.status.units import format_seconds
from omi_actors.store.durability import describe_unsafe
from omi_actors.tree import Tree

ON, OFF, DEMO = "on", "off", "demo"
_SWITCH = "enable_"
# Features without a switch.
_ALWAYS = ("newOmiRoutes",)
# Seconds of loop lag, and of a job's waiting, above which the check warns.
_LAG_WARN_S = 0.05
_WAIT_WARN_S = 30.0
# Seconds within which an account is to be erased.
_ERASING_WARN_S = 600.0
# Sessions taken back within 5 minutes: two a minute. A node that joins or leaves moves each session once.
_RETAKES_WARN = 10


def feature_states(settings: Settings) -> dict[str, str]:
    """Return on, off or demo by feature, in alphabetical order, read from the settings."""
    states = dict.fromkeys(_ALWAYS, ON)
    for name in Settings.model_fields:
        if name.startswith(_SWITCH):
            states[_camel(name.removeprefix(_SWITCH))] = _word(getattr(settings, name))
    states["notifications"] = _word(settings.omi_app_secret is not None and settings.enable_background_queue)
    states["signedWebhooks"] = _word(settings.omi_signing_secrets)
    states["semanticRecall"] = _word(settings.enable_semantic_recall and find_installed())
    states["model"] = DEMO if settings.openai_api_key is None else ON
    return dict(sorted(states.items()))


def _word(setting: object) -> str:
    return ON if setting else OFF


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def build_health(tree: Tree, parts: Parts, nodes: Nodes | None, *, is_ready: bool) -> dict[str, Any]:
    """Return the checks, their worst state (pass, warn or fail) as the status, and figures; without secrets.

    The worst state is that of all nodes; `node` has this one's. The result is for the operator; `public_health` is for
    all others.
    """
    checks: dict[str, dict[str, Any]] = {
        "store": _check_store(tree, parts),
        "queue": _check_queue(tree, parts),
        "supervisor": _check_supervisor(tree),
        "loop": _check_loop(tree),
        "model": _check_model(tree.model, parts.clock.mono_s()),
        "notifications": _check_notifications(tree.notifier, parts),
        "budget": _check_budget(tree.budget),
        "backplane": _check_backplane(tree.backplane.state, parts),
        "nodes": _check_nodes(tree.readings),
        "clock": _check_clock(tree.node_readings),
        "retention": _check_retention(tree.node_readings),
        "erasures": _check_erasures(tree.open_erasures, parts),
    }
    own = find_worst(check["status"] for check in checks.values())
    if nodes is not None:
        checks[OTHER_NODES] = nodes.check(checks)
    return {
        "status": find_worst(check["status"] for check in checks.values()),
        "node": {"name": parts.settings.node_name, "status": own},
        "ready": is_ready,
        "version": __version__,
        "uptime": round(parts.clock.mono_s() - tree.readings.started_mono_s, 3),
        "memory": {"rss": tree.readings.resident_bytes or read_resident_bytes()},
        "sessions": tree.live_sessions.count(),
        "cache": {"hits": tree.live_sessions.hits, "misses": tree.live_sessions.misses},
        "checks": checks,
        "features": feature_states(parts.settings),
        "database": {"kind": _database_kind(parts), "status": checks["store"]["status"]},
        "settings": _describe_settings(tree, parts),
    }


def public_health(health: Mapping[str, Any]) -> dict[str, Any]:
    """Return only names and states of the checks: the public must not see the load or the causes of failures."""
    checks = {
        name: {key: check[key] for key in ("status", "provider") if key in check}
        for name, check in health["checks"].items()
    }
    return {key: health[key] for key in ("status", "ready", "features", "database")} | {"checks": checks}


def _check_erasures(found: OpenErasures, parts: Parts) -> dict[str, Any]:
    """Check how many accounts are being erased, and for how long."""
    if found.oldest_at is None:
        return {"status": "pass", "erasing": 0}
    since_s = round(max(0.0, parts.clock.now_s() - found.oldest_at), 1)
    check = {"status": "pass", "erasing": found.count, "oldest_seconds": since_s}
    if since_s > _ERASING_WARN_S:
        check |= {"status": "warn", "note": f"an account has been erasing for {format_seconds(since_s)}"}
    return check


def _check_store(tree: Tree, parts: Parts) -> dict[str, Any]:
    readings = tree.readings
    if tree.store_writer.state is not ChildState.RUNNING:
        return {"status": "fail", "note": f"the store writer is {tree.store_writer.state.value}"}
    now_mono_s = parts.clock.mono_s()
    if not tree.store_takes_writes:
        since_s = round(now_mono_s - tree.store_refuses_since_mono_s, 1)
        note = f"the store takes no writes: {tree.store_refusal}"
        return {"status": "fail", "note": note, "reason": tree.store_refusal, "since_seconds": since_s}
    if readings.store_failed_since_mono_s is not None:
        since_s = round(now_mono_s - readings.store_failed_since_mono_s, 1)
        return {"status": "fail", "note": f"the store has not answered for {since_s} s", "since_seconds": since_s}
    check = {"status": "pass", "read_seconds": readings.store_seconds}
    if tree.durability is not None and tree.durability.unsafe:
        check["note"] = describe_unsafe(tree.durability)
    return check


def _check_queue(tree: Tree, parts: Parts) -> dict[str, Any]:
    counts = tree.readings.queue
    if counts is None:
        return {"status": "pass", "note": "not counted yet"}
    waits_s = max(0.0, parts.clock.now_s() - counts.oldest_ready_at) if counts.oldest_ready_at else 0.0
    check = {"status": "pass", "jobs": dict(counts.by_state), "oldest_waits_seconds": round(waits_s, 3)}
    if waits_s > _WAIT_WARN_S:
        check |= {"status": "warn", "note": f"the oldest job has waited for {format_seconds(waits_s)}"}
    return check


def _check_supervisor(tree: Tree) -> dict[str, Any]:
    states = {handle.name: handle.state.value for handle in (tree.job_queue, tree.workers, tree.router)}
    is_well = all(state == ChildState.RUNNING.value for state in states.values())
    return {"status": "pass" if is_well else "fail", "actors": states}


def _check_loop(tree: Tree) -> dict[str, Any]:
    worst_s = tree.readings.loop_lag_max_s
    lags = tree.readings.lags
    # Of a whole minute, also right after a start.
    late = sum(lag_s > _LAG_WARN_S for lag_s in lags) / (lags.maxlen or 1)
    check = {"status": "pass", "lag_max_seconds": round(worst_s, 4), "late_share": round(late, 4)}
    if worst_s > _LAG_WARN_S:
        check |= {"status": "warn", "note": f"it ran {format_seconds(worst_s)} late within the last minute"}
    return check


def _check_model(chain: ModelChain, mono_s: float) -> dict[str, Any]:
    """Check the models. Never "fail": without a model the server stores all data and answers with the reason."""
    first, *others = chain.models
    check = _describe_model(first, mono_s)
    if others:
        check["fallbacks"] = [_describe_model(model, mono_s) for model in others]
    if first.provider == "demo":
        check |= {"status": "warn", "note": "the demo model repeats the question; set OPENAI_API_KEY for real answers"}
        check["hint"] = "See the README, “Connect a model”."
    return check


def _describe_model(model: GuardedModel, mono_s: float) -> dict[str, Any]:
    check: dict[str, Any] = {
        "status": "pass",
        "provider": model.provider,
        "model": model.name,
        "breaker": model.circuit.state.value,
    }
    if model.circuit.wait_s:
        check["breaker_pause_seconds"] = round(model.circuit.wait_s, 1)
    failure = model.last_failure
    if failure is not None:
        check["last_error"] = {"error": failure.error, "cause": failure.fault.cause, "fix": failure.fault.fix}
        check["last_error"]["is_current"] = failure.is_current
        check["last_error"]["count"] = failure.count
        check["last_error"]["reason"] = failure.reason
        check["last_error"]["since_seconds"] = round(mono_s - failure.since_mono_s, 1)
    is_failing = failure is not None and failure.is_current and failure.fault.is_lasting
    if is_failing or model.circuit.state is not BreakerState.CLOSED:
        check["status"] = "warn"
        if failure is not None:
            check |= {"note": failure.fault.cause, "hint": failure.fault.fix}
    return check


def _check_notifications(notifier: GuardedNotifier | None, parts: Parts) -> dict[str, Any]:
    """Check the latest attempt's outcome, and the circuit breaker before Omi's API.

    Omi's API has a budget for each wearer, so there is no single figure of the remaining budget.
    """
    if notifier is None:
        return {"status": "pass", "state": "off", "note": "late answers wait for the wearer's next webhook"}
    if not parts.settings.enable_background_queue:
        note = "ENABLE_BACKGROUND_QUEUE is off: late answers wait for the wearer's next webhook"
        return {"status": "pass", "state": "off", "note": note}
    ends = {sample.labels["outcome"]: sample.value for sample in _samples(metrics.NOTIFICATION_LAST)}
    check: dict[str, Any] = {"status": "pass", "state": "on", "per_hour_and_wearer": notifier.per_hour}
    check["breaker"] = notifier.circuit.state.value
    if ends:
        last = max(ends, key=lambda outcome: ends[outcome])
        ago_s = round(max(0.0, parts.clock.now_s() - ends[last]), 1)
        check |= {"last_outcome": last, "last_ago_seconds": ago_s}
        if last in NOTIFICATION_HINTS:
            check |= {"status": "warn", "note": f"the latest one ended as {last}", "hint": NOTIFICATION_HINTS[last]}
    if notifier.circuit.state is not BreakerState.CLOSED:
        check["status"] = "warn"
    return check


def _check_budget(guard: BudgetGuard) -> dict[str, Any]:
    """Check the model's budgets: their use at the latest question, and the refusals of the last minute."""
    limits = guard.rules.all
    check: dict[str, Any] = {
        "status": "pass",
        "requests_per_minute": limits.requests_per_minute or "unlimited",
        "tokens_per_day": limits.tokens_per_day or "unlimited",
    }
    if guard.last_use is not None:
        check["used"] = {"requests_this_minute": guard.last_use.all.requests, "tokens_today": guard.last_use.all.tokens}
    if refused := guard.recent_refusals:
        names = ", ".join(f"{one.whose}/{one.period}" for one in refused)
        check |= {"status": "warn", "note": f"questions were refused within the last minute ({names})"}
    return check


def _check_backplane(state: BackplaneState, parts: Parts) -> dict[str, Any]:
    """Check the backplane. Never "fail": without Redis a node does all its work, but a little later."""
    check: dict[str, Any] = {"status": "pass", "carrier": state.carrier, "shared": state.is_shared}
    if state.cause:
        for_s = round(parts.clock.mono_s() - state.since_mono_s, 1)
        check |= {"status": "warn", "note": f"Redis: {state.cause} for {for_s} s", "hint": state.fix}
        check["since_seconds"] = for_s
    return check


def _check_nodes(readings: LatestReadings) -> dict[str, Any]:
    """Check for sessions that go to and fro between nodes, which costs most of their work."""
    before = readings.of_5_minutes_ago
    retakes = next(iter(_samples(metrics.SESSION_RETAKES))).value
    count = round(retakes - (before.total("omi_session_retakes_total") if before is not None else 0.0))
    check: dict[str, Any] = {"status": "pass", "retaken_in_5_minutes": count}
    if count >= _RETAKES_WARN:
        check |= {"status": "warn", "note": f"sessions went to and fro between nodes {count} times in 5 minutes"}
        check["hint"] = "Let the load balancer send each uid to one node: see docs/operating.md, “Several nodes”."
    return check


def _check_clock(readings: NodeReadings) -> dict[str, Any]:
    """Check the difference to the database's clock. The store refuses a node if it is too large."""
    off_s = readings.clock_off_s
    if off_s is None:
        return {"status": "pass", "note": "this machine's clock is the only one"}
    check: dict[str, Any] = {"status": "pass", "ahead_of_database_seconds": round(off_s, 3)}
    if abs(off_s) > OFF_WARN_S:
        way = "ahead of" if off_s > 0 else "behind"
        check |= {"status": "warn", "note": f"it is {format_seconds(abs(off_s))} {way} the database's"}
    return check


def _check_retention(readings: NodeReadings) -> dict[str, Any]:
    """Check retention. If it is paused, the note has the reason and the command that resumes it."""
    state = readings.retention
    check: dict[str, Any] = {"status": "pass", "state": "on"}
    if rest := explain_rest(state):
        check |= {"status": "warn", "state": "resting", "note": rest, "rest_left_seconds": round(state.rest_left_s)}
        check["hint"] = f"If the clock is right and these rows may be deleted: {RESUME}"
    elif state.lag_s:
        check |= {"clock_lag_seconds": round(state.lag_s), "note": "ages are measured by the clock before it leapt"}
    return check


def _samples(metric: Counter | Gauge) -> Iterable[Sample]:
    return next(iter(metric.collect())).samples


def _database_kind(parts: Parts) -> str:
    return "postgres" if parts.settings.is_postgres else "sqlite"


def _describe_settings(tree: Tree, parts: Parts) -> dict[str, str]:
    settings = parts.settings
    return {
        "app_env": settings.app_env,
        "log_level": current_level(),
        "database": _database_kind(parts),
        "commits": str(tree.durability or "unknown"),
        "webhook_auth": "signature" if settings.omi_signing_secrets else "token",
    }
