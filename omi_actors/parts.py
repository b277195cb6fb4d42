"""The parts of a system, built from its settings: dependencies of the actors, breakers, budgets, worker slots.

Not here: the actors (tree.py), the clients of outside servers (clients/). Threads: none; built at start.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from config.settings import Settings
from omi_actors.actors.maintenance.janitor import Janitor
from omi_actors.actors.queue.slots import WorkerSlots
from omi_actors.actors.session.actor import SessionActor, SessionDeps
from omi_actors.backplane.interface import Backplane, InProcessBackplane
from omi_actors.backplane.redis_backplane import RedisBackplane
from omi_actors.backplane.redis_link import LinkConfig
from omi_actors.clients.model import Model
from omi_actors.clients.model_chain import GuardedModel, ModelChain
from omi_actors.clients.omi_api import GuardedNotifier, Notifier
from omi_actors.clock import Clock
from omi_actors.domain.answers.breaker import BreakerRules
from omi_actors.domain.answers.budget import BudgetRules, Limits
from omi_actors.domain.answers.completions import CompletionLimits
from omi_actors.domain.answers.delivery_records import DeliveryRules
from omi_actors.domain.answers.limits import Allowance, AnswerRules
from omi_actors.domain.answers.prompt import PromptLimits
from omi_actors.domain.hearing.state import HearingOptions, ListenMode, WakeBy
from omi_actors.domain.work.retention import LIVE_S, RetentionRules
from omi_actors.jobs.answer import KIND as ANSWER
from omi_actors.jobs.attempt import KINDS
from omi_actors.jobs.kinds import BudgetGuard, JobDeps
from omi_actors.kit.handle import Handle
from omi_actors.kit.runtime import Runtime
from omi_actors.store.facade import Store

# Seconds of a job's lease; three heartbeats renew it in that time.
JOB_LEASE_S = 30.0

BuildSession = Callable[[SessionDeps, str], SessionActor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of a system that tests replace.

    `on_fenced` is called when another process has taken this node's name. `on_clock_refused` is called with the reason
    when the store refuses this machine's clock. `on_store_unopened` is called, in the writer's thread, when the store
    cannot be opened at the start. If `model` fails, the `fallbacks` are asked in order. Without a
    `notifier`, an answer that missed its own reply waits for the wearer's next contact. `store_clock` None: the store
    uses its database's clock.
    """

    settings: Settings
    model: Model
    clock: Clock
    rng: random.Random
    on_fenced: Callable[[], None]
    on_clock_refused: Callable[[str], object] = bool
    on_store_unopened: Callable[[], object] = bool
    build_session: BuildSession = SessionActor
    notifier: Notifier | None = None
    fallbacks: Sequence[Model] = ()
    build_runtime: Callable[..., Runtime] = Runtime
    store_clock: Clock | None = None


def build_backplane(parts: Parts) -> Backplane:
    """Return the backplane: over Redis, or within this process if there is no REDIS_URL."""
    settings = parts.settings
    if settings.redis_url is None:
        return InProcessBackplane(parts.clock)
    config = LinkConfig(settings.redis_url.get_secret_value(), settings.redis_timeout_s, settings.redis_key_prefix)
    return RedisBackplane(config, parts.clock, parts.rng)


def build_janitor(settings: Settings, store: Store) -> Janitor:
    """Return the janitor with the retention of the settings."""
    rules = RetentionRules(
        transcript_days=settings.transcript_retention_days,
        dead_letter_days=settings.dead_letter_retention_days,
        job_days=settings.job_retention_days,
        event_days=settings.operator_event_retention_days,
        live_s=max(LIVE_S, settings.answer_expires_s),
        max_percent=settings.retention_max_percent,
    )
    return Janitor(store, rules, period_s=settings.janitor_interval_s)


def build_worker_slots(settings: Settings) -> tuple[WorkerSlots, WorkerSlots]:
    """Return the worker slots. Answers have their own slots, since a person waits; all other kinds share slots."""
    others = tuple(kind for kind in KINDS if kind != ANSWER)
    batch = settings.queue_batch_size
    return (
        WorkerSlots((ANSWER,), settings.openai_max_concurrency, batch),
        WorkerSlots(others, settings.queue_max_concurrent_jobs, batch),
    )


def build_job_deps(
    parts: Parts, store: Store, model: Model, notifier: GuardedNotifier | None, budget: BudgetGuard
) -> JobDeps:
    """Return the dependencies of attempts."""
    return JobDeps(
        store,
        model,
        parts.clock,
        parts.rng,
        build_answer_rules(parts.settings),
        notifier=notifier,
        answer_expires_s=parts.settings.answer_expires_s,
        budget=budget,
        slow_s=parts.settings.slow_job_threshold_s,
    )


def build_session_deps(parts: Parts, store: Store, job_queue: Handle, answer_slots: WorkerSlots) -> SessionDeps:
    """Return the dependencies of every session."""
    settings = parts.settings
    rules = DeliveryRules(
        grace_s=settings.next_webhook_grace_s,
        expires_s=settings.answer_expires_s,
        can_notify=parts.notifier is not None and settings.enable_background_queue,
        per_hour=0 if parts.notifier is None else parts.notifier.per_hour,
        silence_s=settings.notify_after_silence_s,
    )
    return SessionDeps(
        store=store,
        job_queue=job_queue,
        reply_deadline_s=settings.webhook_reply_deadline_s,
        job_max_attempts=settings.queue_max_retries + 1,
        delivery_rules=rules,
        chat_deadline_s=settings.chat_reply_deadline_s,
        answer_slots=answer_slots,
        job_lease_s=JOB_LEASE_S,
        lane_cap=settings.queue_lane_cap,
        node_name=settings.node_name,
        hearing=HearingOptions(
            names=settings.wake_names,
            mode=ListenMode(settings.default_listen_mode if settings.enable_context_activation else ListenMode.NEVER),
            wake_by=WakeBy(settings.wake_by),
            pause_s=settings.question_pause_s,
            hard_cap_s=settings.question_max_s,
            followup_s=settings.default_followup_window_s,
        ),
    )


def build_model_breaker(settings: Settings) -> BreakerRules:
    """Return the rules of a model's circuit breaker."""
    return BreakerRules(
        failures=settings.model_breaker_failures,
        window_s=settings.model_breaker_window_s,
        pause_s=settings.model_breaker_pause_s,
        pause_cap_s=max(settings.model_breaker_pause_s, settings.model_breaker_pause_cap_s),
    )


def build_notify_breaker(settings: Settings) -> BreakerRules:
    """Return the rules of the circuit breaker before Omi's notification API."""
    return BreakerRules(
        failures=settings.omi_breaker_failures,
        window_s=settings.omi_breaker_window_s,
        pause_s=settings.omi_breaker_pause_s,
        pause_cap_s=max(settings.omi_breaker_pause_s, settings.omi_breaker_pause_cap_s),
    )


def build_model_chain(settings: Settings, models: Sequence[Model], clock: Clock) -> ModelChain:
    """Return the models in the order of asking, each behind a circuit breaker."""
    rules = build_model_breaker(settings)
    return ModelChain([GuardedModel(model, rules, clock) for model in models], clock)


def build_guarded_notifier(settings: Settings, notifier: Notifier | None, clock: Clock) -> GuardedNotifier | None:
    """Return the notifier behind a circuit breaker; None if there is no notifier."""
    return None if notifier is None else GuardedNotifier(notifier, build_notify_breaker(settings), clock)


def build_budget(settings: Settings, provider: str, clock: Clock) -> BudgetGuard:
    """Return the guard of the budgets. The demo model is free: its guard has no limits."""
    if provider == "demo":
        return BudgetGuard(BudgetRules(), clock)
    rules = BudgetRules(
        owner=Limits(settings.model_user_requests_per_minute, settings.model_user_tokens_per_day),
        all=Limits(settings.model_requests_per_minute, settings.model_tokens_per_day),
    )
    return BudgetGuard(rules, clock)


def build_answer_rules(settings: Settings) -> AnswerRules:
    """Return the time, tokens and context that an answer may take."""
    messages = settings.openai_history_messages if settings.openai_include_history else 0
    return AnswerRules(
        spoken=Allowance(settings.openai_webhook_timeout_s, settings.openai_webhook_max_tokens),
        written=Allowance(settings.openai_timeout_s, settings.openai_max_tokens),
        context=PromptLimits(settings.openai_max_context_tokens, messages),
        completions=CompletionLimits(
            timeout_s=settings.completions_timeout_s,
            max_tokens=settings.completions_max_tokens,
            context_tokens=settings.completions_max_context_tokens,
            open=settings.completions_max_open,
        ),
    )
