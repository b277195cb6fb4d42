"""Secrets and a spoken sentence that pass through the tests, and that no sink may ever hold.

The tests of the web and of the whole program use them as their tokens, keys and questions; `watch` is called with
everything that a sink takes. What it finds fails the test that was running: see canary_watch.py.
"""

from dataclasses import dataclass

from scripts.lab.replay.fake_omi import SECRET as OMI_KEY

ADMIN_TOKEN = "admin-token-of-the-tests-alone"  # noqa: S105 (the tests' own)
WEBHOOK_TOKEN = "hook-token-of-the-tests-alone"  # noqa: S105 (same)
METRICS_TOKEN = "scrape-token-of-the-tests-alone"  # noqa: S105 (same)
MODEL_KEY = "sk-canary-of-the-model"
SIGNING_SECRET = "whsec_sample_secret_for_tests_only"  # noqa: S105 (same)
# A person's.
PASSWORD = "correct horse"  # noqa: S105 (same)
PERSON_TOKEN = "sid_canary-of-a-person-that-nobody-else-has-43cha"  # noqa: S105 (same)

SECRETS = {
    "the operator's token": ADMIN_TOKEN,
    "the webhook's token": WEBHOOK_TOKEN,
    "the scraper's token": METRICS_TOKEN,
    "the model's key": MODEL_KEY,
    "Omi's key": OMI_KEY,
    "a signing secret": SIGNING_SECRET,
    "a person's password": PASSWORD,
    "a person's token": PERSON_TOKEN,
}
SPOKEN = "how far is the moon"
ALL = {**SECRETS, "a spoken sentence": SPOKEN}


@dataclass(frozen=True)
class Leak:
    """`what` was found in `sink`, and what stood around it."""

    what: str
    sink: str
    around: str


LEAKS: list[Leak] = []


def find_leaks(sink: str, text: str, canaries: dict[str, str] = ALL) -> list[Leak]:
    """Return what a sink's text gives away."""
    places = [(what, text.find(canary)) for what, canary in canaries.items()]
    return [Leak(what, sink, text[max(0, at - 80) : at + 120]) for what, at in places if at >= 0]


def watch(sink: str, text: str) -> None:
    """Remember what a sink's text gives away."""
    LEAKS.extend(find_leaks(sink, text))
