"""`GET /stats`: what the person has stored, and what happened lately.

Not here: counting (omi_actors/store/people/stats.py). Threads: the event loop.
"""

from typing import TypedDict

from omi_actors.store.people.stats import load_stats
from web.declare import declare, ok
from web.people.base import PersonHandler
from web.people.forms import MessageForm, message_form


class CountsForm(TypedDict):
    """The number of what is stored."""

    memories: int
    conversations: int
    sessions: int
    messages: int


class DayForm(TypedDict):
    """The messages of a day."""

    date: str
    count: int


class ModelForm(TypedDict):
    """The answers of a model."""

    model: str
    answers: int


class UseForm(TypedDict):
    """The use of models."""

    models: list[ModelForm]
    tokensToday: int


_STATS = ok(overall=CountsForm, recentActivity=list[MessageForm], dailyStats=list[DayForm], modelUse=UseForm)


class StatsHandler(PersonHandler):
    """Shows the statistics."""

    route = "/stats"

    @declare(_STATS)
    async def get(self) -> None:
        """Show counts, the latest messages, messages by day, and the use of models."""
        stats = await self.store.read_cold_apart(load_stats, self.me.account_id, now_s=self.now_s)
        days = [{"date": day.isoformat(), "count": count} for day, count in sorted(stats.by_day.items())]
        models = [{"model": name, "answers": count} for name, count in sorted(stats.by_model.items())]
        self.send_ok(
            {
                "overall": dict(stats.counts),
                "recentActivity": [message_form(one) for one in stats.recent],
                "dailyStats": days,
                "modelUse": {"models": models, "tokensToday": stats.tokens_today},
            }
        )
