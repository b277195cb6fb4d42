"""The sources of an answer as JSON: the person's own texts that were in its prompt.

Not here: finding them (omi_actors/store/people/recall.py). Threads: any; pure.
"""

from collections.abc import Iterable
from typing import Any, NotRequired, TypedDict

from omi_actors.store.people.recall import RecalledText
from web.declare import Time
from web.problems import iso_time

# Characters of a source that a reply shows.
SHOWN_CHARS = 500


class SourceForm(TypedDict):
    """One of the person's own texts."""

    kind: str
    id: str
    text: str
    speaker: NotRequired[str]
    conversationId: NotRequired[str]
    createdAt: Time


def sources_form(sources: Iterable[RecalledText]) -> list[dict[str, Any]]:
    """Return the sources of an answer, the best first."""
    return [_source_form(one) for one in sources]


def _source_form(one: RecalledText) -> dict[str, Any]:
    form: dict[str, Any] = {"kind": one.kind, "id": one.source_id, "text": one.text[:SHOWN_CHARS]}
    if one.speaker:
        form["speaker"] = one.speaker
    if one.conversation_id:
        form["conversationId"] = one.conversation_id
    return form | {"createdAt": iso_time(one.at)}
