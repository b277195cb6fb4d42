"""The budget's guard: refuses a question that nobody wants to pay for, and tells the operator.

Not here: the decision (domain/answers/budget.py), the counts (store/model_use.py), what the wearer hears
(domain/failures.py). Threads: the event loop.
"""

from omi_actors.clock import Clock
from omi_actors.domain.answers.budget import BudgetRules, Overspent, Use, find_overspent
from omi_actors.errors import BudgetSpentError
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import get_logger

_log = get_logger(__name__)

# Seconds in which the same budget is logged once, and after which /health takes a refusal for over.
_RECENT_S = 60.0


class BudgetGuard:
    """See the module. `last_use` is what was used when the latest question came, None before the first one.

    Questions that are asked at the same time see the same counts, so that a budget may be exceeded by as many as are
    asked at a time; of one session that is one.
    """

    def __init__(self, rules: BudgetRules, clock: Clock) -> None:
        self.rules = rules
        self.last_use: Use | None = None
        self._clock = clock
        self._refused_mono_s: dict[Overspent, float] = {}
        self._logged_mono_s: dict[Overspent, float] = {}

    def check(self, use: Use) -> None:
        """Let a question pass.

        Raises:
            BudgetSpentError: its owner, or all together, have asked enough.
        """
        self.last_use = use
        overspent = find_overspent(use, self.rules)
        if overspent is None:
            return
        now_mono_s = self._clock.mono_s()
        self._refused_mono_s[overspent] = now_mono_s
        metrics.BUDGET_REFUSALS.labels(overspent.whose, overspent.period).inc()
        if now_mono_s - self._logged_mono_s.get(overspent, -_RECENT_S) >= _RECENT_S:
            self._logged_mono_s[overspent] = now_mono_s
            _log.warning("budget_spent", whose=overspent.whose, period=overspent.period)
        raise BudgetSpentError(
            f"the {overspent.period}'s budget of {'one owner' if overspent.whose == 'owner' else 'all'} is spent",
            whose=overspent.whose,
            period=overspent.period,
        )

    @property
    def recent_refusals(self) -> tuple[Overspent, ...]:
        """The budgets for which questions were refused within the last minute."""
        now_mono_s = self._clock.mono_s()
        return tuple(sorted(one for one, at_s in self._refused_mono_s.items() if now_mono_s - at_s < _RECENT_S))
