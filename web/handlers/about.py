"""`/api/info` and `/help`: features, routes and phrases of this server, from its settings and table of routes.

Not here: its state (status.py). Threads: the event loop.
"""

from typing import Any, TypedDict

from tornado.routing import PathMatches
from tornado.web import Application

from omi_actors import __version__
from omi_actors.status.health import OFF
from web.declare import PAGE, Fields, Time, declare
from web.edge.browsers import PAGE_POLICY
from web.handlers.base import BaseHandler
from web.handlers.caller import Access
from web.pages.render import render_help
from web.problems import iso_time

_NAME = "Omi Actors"
_GREETINGS = ("Hey", "Hi", "OK")
_EXAMPLES = (
    "how tall is Mount Everest?",
    "what did we decide about the garden?",
    "translate good morning into Spanish.",
)


class RouteForm(TypedDict):
    """An address with its methods."""

    path: str
    methods: list[str]


_INFO = Fields(
    {
        "name": str,
        "version": str,
        "environment": str,
        "features": list[str],
        "routes": list[RouteForm],
        "timestamp": Time,
    }
)


class InfoHandler(BaseHandler):
    """Shows name, version, active features and all addresses."""

    route = "/api/info"
    access = Access.ANYBODY
    answers_without_store = True

    @declare(_INFO)
    def get(self) -> None:
        """Show name, version, active features and all addresses."""
        self.send_json(
            {
                "name": _NAME,
                "version": __version__,
                "environment": self.site.environment,
                "features": [name for name, state in self.site.features.items() if state != OFF],
                "routes": self._routes(),
                "timestamp": iso_time(self.site.clock.now_s()),
            }
        )

    head = get

    def _routes(self) -> list[dict[str, Any]]:
        return [
            {"path": handler.route, "methods": handler.allowed_methods()} for _, handler in rules_of(self.application)
        ]


class HelpHandler(BaseHandler):
    """Explains how to speak to the wearable. Missing features are listed as missing."""

    route = "/help"
    access = Access.ANYBODY
    content_policy = PAGE_POLICY
    answers_without_store = True

    @declare((dict[str, Any], PAGE))
    def get(self) -> None:
        """Show wake phrases, examples and features."""
        form = _help(self.site.wake_names, self._features())
        if self.wants_page:
            self.send_page(render_help(form))
        else:
            self.send_json(form)

    head = get

    def _features(self) -> dict[str, bool]:
        """Return the active features. A feature is active if its route exists, or by a setting."""
        paths = {handler.route for _, handler in rules_of(self.application)}
        return {
            "web_search": False,
            "natural_language": True,
            "rate_limiting": self.site.features.get("rateLimit", OFF) != OFF,
            "spaces": "/context/switch" in paths,
            "windows": "/windows" in paths,
        }


def rules_of(application: Application) -> list[tuple[str, type[BaseHandler]]]:
    """Return the application's table of routes, in its order: patterns of addresses with their handlers."""
    found = [(rule.matcher, rule.target) for rule in application.wildcard_router.rules]
    return [(matcher.regex.pattern, target) for matcher, target in found if isinstance(matcher, PathMatches)]


def _help(names: tuple[str, ...], features: dict[str, bool]) -> dict[str, Any]:
    """Return the page; without `names`, no speech is answered."""
    spoken = [name.capitalize() for name in names]
    how = "Say a wake phrase and a question; the answer is spoken, or comes as a notification."
    return {
        "title": _NAME,
        "description": how if names else "This server keeps what is said and answers typed questions only.",
        "trigger_phrases": {
            "description": "A greeting and the name, in any of twelve languages; these are the English ones.",
            "phrases": [f"{greeting} {name}" for name in spoken for greeting in _GREETINGS],
        },
        "examples": [f"Hey {spoken[0]}, {example}" for example in _EXAMPLES if names],
        "help_keywords": {"description": "This version has none: ask a question.", "keywords": []},
        "note": "A question may be split over sentences; it ends with its question mark or a pause.",
        "features": features,
        "voice_commands": {"spaces": [], "conversations": [], "memories": [], "tasks": []},
    }
