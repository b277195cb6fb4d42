"""What stands between a system and the servers that it calls, as its settings say: breakers, budgets, allowances.

Not here: the servers' clients (clients/), who uses them (tree.py). Threads: none; built at start.
"""

from collections.abc import Sequence

from config.settings import Settings
from omi_actors.clients.guarded_model import GuardedModel
from omi_actors.clients.guarded_notifier import GuardedNotifier
from omi_actors.clients.model import Model
from omi_actors.clients.model_chain import ModelChain
from omi_actors.clients.notifier import Notifier
from omi_actors.clock import Clock
from omi_actors.domain.answers.breaker import BreakerRules
from omi_actors.domain.answers.budget import BudgetRules, Limits
from omi_actors.domain.answers.limits import Allowance, AnswerRules
from omi_actors.domain.answers.prompt import PromptLimits
from omi_actors.jobs.kinds import BudgetGuard


def build_model_breaker(settings: Settings) -> BreakerRules:
    """Return the rules of a model's breaker."""
    return BreakerRules(
        failures=settings.model_breaker_failures,
        window_s=settings.model_breaker_window_s,
        pause_s=settings.model_breaker_pause_s,
        pause_cap_s=max(settings.model_breaker_pause_s, settings.model_breaker_pause_cap_s),
    )


def build_notify_breaker(settings: Settings) -> BreakerRules:
    """Return the rules of the breaker before Omi's notification API."""
    return BreakerRules(
        failures=settings.omi_breaker_failures,
        window_s=settings.omi_breaker_window_s,
        pause_s=settings.omi_breaker_pause_s,
        pause_cap_s=max(settings.omi_breaker_pause_s, settings.omi_breaker_pause_cap_s),
    )


def build_model_chain(settings: Settings, models: Sequence[Model], clock: Clock) -> ModelChain:
    """Return the models in the order in which they are asked, each behind a breaker."""
    rules = build_model_breaker(settings)
    return ModelChain([GuardedModel(model, rules, clock) for model in models], clock)


def build_guarded_notifier(settings: Settings, notifier: Notifier | None, clock: Clock) -> GuardedNotifier | None:
    """Return the notifier behind a breaker, None if there is none."""
    return None if notifier is None else GuardedNotifier(notifier, build_notify_breaker(settings), clock)


def build_budget(settings: Settings, provider: str, clock: Clock) -> BudgetGuard:
    """Return the guard of the budgets; the demo model costs nothing, and has none."""
    if provider == "demo":
        return BudgetGuard(BudgetRules(), clock)
    rules = BudgetRules(
        owner=Limits(settings.model_user_requests_per_minute, settings.model_user_tokens_per_day),
        all=Limits(settings.model_requests_per_minute, settings.model_tokens_per_day),
    )
    return BudgetGuard(rules, clock)


def build_answer_rules(settings: Settings) -> AnswerRules:
    """Return what an answer may take."""
    messages = settings.openai_history_messages if settings.openai_include_history else 0
    return AnswerRules(
        spoken=Allowance(settings.openai_webhook_timeout_s, settings.openai_webhook_max_tokens),
        written=Allowance(settings.openai_timeout_s, settings.openai_max_tokens),
        context=PromptLimits(settings.openai_max_context_tokens, messages),
    )
