"""What /health says: one look at the system, from readings that are at hand. It asks nobody and waits for nothing.

Not here: taking the readings (actors/metrics_collector.py), who may see them (web/). Threads: the event loop's.
"""

from typing import Any

from omi_actors import __version__
from omi_actors.actors.metrics_collector import read_resident_bytes
from omi_actors.clients.guarded_model import GuardedModel
from omi_actors.clients.guarded_notifier import GuardedNotifier
from omi_actors.clients.model_chain import ModelChain
from omi_actors.domain.breaker import BreakerState
from omi_actors.kit.spec import ChildState
from omi_actors.tree import Parts, Tree

# Seconds of loop lag, and of a job's waiting, above which something is wrong enough to say so.
_LAG_WARN_S = 0.05
_WAIT_WARN_S = 30.0


def build_health(tree: Tree, parts: Parts, *, is_ready: bool) -> dict[str, Any]:
    """Return status (pass, warn or fail: the worst of the checks), the checks, and figures. Nothing secret is in it."""
    checks = {
        "store": _check_store(tree, parts),
        "queue": _check_queue(tree, parts),
        "supervisor": _check_supervisor(tree),
        "loop": _check_loop(tree),
        "model": _check_model(tree.model),
        "notifications": _check_notifications(tree.notifier),
    }
    return {
        "status": _worst([check["status"] for check in checks.values()]),
        "ready": is_ready,
        "version": __version__,
        "uptime": round(parts.clock.mono_s() - tree.board.started_mono_s, 3),
        "memory": {"rss": tree.board.resident_bytes or read_resident_bytes()},
        "sessions": tree.directory.count(),
        "checks": checks,
        "settings": _describe_settings(tree, parts),
    }


def _check_store(tree: Tree, parts: Parts) -> dict[str, Any]:
    board = tree.board
    if tree.store_writer.state is not ChildState.RUNNING:
        return {"status": "fail", "note": f"the store writer is {tree.store_writer.state.value}"}
    if not board.store_takes_writes:
        return {"status": "fail", "note": "the store takes no writes; the log says why"}
    if board.store_failed_since_mono_s is not None:
        since_s = round(parts.clock.mono_s() - board.store_failed_since_mono_s, 1)
        return {"status": "fail", "note": f"the store has not answered for {since_s} s"}
    return {"status": "pass", "read_seconds": board.store_seconds}


def _check_queue(tree: Tree, parts: Parts) -> dict[str, Any]:
    counts = tree.board.queue
    if counts is None:
        return {"status": "pass", "note": "not counted yet"}
    waits_s = max(0.0, parts.clock.now_s() - counts.oldest_ready_at) if counts.oldest_ready_at else 0.0
    return {
        "status": "warn" if waits_s > _WAIT_WARN_S else "pass",
        "jobs": dict(counts.by_state),
        "oldest_waits_seconds": round(waits_s, 3),
    }


def _check_supervisor(tree: Tree) -> dict[str, Any]:
    states = {handle.name: handle.state.value for handle in (tree.job_queue, tree.workers, tree.router)}
    is_well = all(state == ChildState.RUNNING.value for state in states.values())
    return {"status": "pass" if is_well else "fail", "actors": states}


def _check_loop(tree: Tree) -> dict[str, Any]:
    worst_s = tree.board.loop_lag_max_s
    return {"status": "warn" if worst_s > _LAG_WARN_S else "pass", "lag_max_seconds": round(worst_s, 4)}


def _check_model(chain: ModelChain) -> dict[str, Any]:
    """Never "fail": without its model the server still hears and keeps everything, and says why it cannot answer."""
    first, *others = chain.models
    check = _describe_model(first)
    if others:
        check["fallbacks"] = [_describe_model(model) for model in others]
    if first.provider == "demo":
        check |= {"status": "warn", "note": "the demo model repeats the question; set OPENAI_API_KEY for real answers"}
    return check


def _describe_model(model: GuardedModel) -> dict[str, Any]:
    check: dict[str, Any] = {
        "status": "pass",
        "provider": model.provider,
        "model": model.name,
        "breaker": model.state.value,
    }
    failure = model.last_failure
    if failure is not None:
        check["last_error"] = {"error": failure.error, "cause": failure.fault.cause, "fix": failure.fault.fix}
        check["last_error"]["is_current"] = failure.is_current
    is_failing = failure is not None and failure.is_current and failure.fault.is_lasting
    if is_failing or model.state is not BreakerState.CLOSED:
        check["status"] = "warn"
    return check


def _check_notifications(notifier: GuardedNotifier | None) -> dict[str, Any]:
    """Never "fail": without Omi's API late answers wait for the next contact."""
    if notifier is None:
        return {"status": "pass", "note": "off: late answers wait for the next contact; set OMI_APP_ID, OMI_APP_SECRET"}
    is_open = notifier.state is not BreakerState.CLOSED
    check: dict[str, Any] = {"status": "warn" if is_open else "pass", "breaker": notifier.state.value}
    if notifier.last_failure:
        check["last_error"] = notifier.last_failure
    return check


def _describe_settings(tree: Tree, parts: Parts) -> dict[str, str]:
    settings = parts.settings
    return {
        "app_env": settings.app_env,
        "log_level": settings.log_level,
        "database": "postgres" if settings.database_url else "sqlite",
        "commits": "synced" if tree.board.has_synced_commits else "not synced",
        "webhook_auth": "signature" if settings.omi_signing_secrets else "token",
    }


def _worst(states: list[str]) -> str:
    return max(states, key=("pass", "warn", "fail").index)
