"""`GET /stats`: what the person has stored, and what happened lately.

Not here: counting (omi_actors/store/people/stats.py). Threads: the event loop.
"""

from omi_actors.store.people.stats import load_stats
from web.people.base import PersonHandler
from web.people.forms import message_form


class StatsHandler(PersonHandler):
    """Shows the statistics."""

    route = "/stats"

    async def get(self) -> None:
        """Answer with counts, the latest messages, messages by day, and the use of models."""
        stats = await self.store.read_cold(load_stats, self.me.account_id, now_s=self.now_s)
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
