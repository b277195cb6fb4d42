"""Which features a server has, and which are switched on: read from its settings, so that it cannot be out of date.

Not here: what they do. Threads: none, pure.
"""

from config.settings import Settings

ON, OFF, DEMO = "on", "off", "demo"
_SWITCH = "enable_"
# What the server is there for; it has no switch.
_ALWAYS = ("contextActivation", "newOmiRoutes", "backgroundQueue")


def feature_states(settings: Settings) -> dict[str, str]:
    """Return on, off or demo by feature, in alphabetical order. A feature that does not exist is not in it."""
    states = dict.fromkeys(_ALWAYS, ON)
    for name in Settings.model_fields:
        if name.startswith(_SWITCH):
            states[_camel(name.removeprefix(_SWITCH))] = _word(is_on=bool(getattr(settings, name)))
    states["notifications"] = _word(is_on=settings.omi_app_secret is not None)
    states["signedWebhooks"] = _word(is_on=bool(settings.omi_signing_secrets))
    states["model"] = DEMO if settings.openai_api_key is None else ON
    return dict(sorted(states.items()))


def _word(*, is_on: bool) -> str:
    return ON if is_on else OFF


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
