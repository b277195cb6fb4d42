"""Makes the table of deliveries in docs/architecture.md from the transitions in the code.

Not here: the transitions (omi_actors/domain/answers/delivery.py). Threads: none.
"""

from pathlib import Path

from omi_actors.domain.answers.delivery import TRANSITIONS, Next, Phase, Transition, state_of

ARCHITECTURE = Path(__file__).parents[3] / "docs" / "architecture.md"
_BEGIN, _END = "<!-- delivery table: begin -->\n", "<!-- delivery table: end -->\n"
_HEAD = (
    "| phase | event | step in the store | then | if the step is lost | if the store fails |",
    "|---|---|---|---|---|---|",
)


def build_table() -> str:
    """Return the transitions as a table in Markdown."""
    return "\n".join((*_HEAD, *(_build_line(row) for row in TRANSITIONS), ""))


def build_architecture_page() -> str:
    """Return docs/architecture.md with the new table between its markers."""
    before, _, rest = ARCHITECTURE.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}{build_table()}{_END}{after}"


def _build_line(row: Transition) -> str:
    phases = ", ".join(row.phases)
    lost, failed = (_say(row.lost), _say(row.failed)) if row.step_from else ("", "")
    return f"| {phases} | {row.event} | {_build_step(row)} | {_say(row.done)} | {lost} | {failed} |"


def _build_step(row: Transition) -> str:
    if not row.step_from:
        return ""
    to = "as before" if row.done.to is Phase.BEFORE else state_of(row.done.to).value
    job = ", with the notification job" if row.enqueues else ""
    return f"{' or '.join(sorted(row.step_from, reverse=True))} → {to}{job}"


def _say(what: Next) -> str:
    return "; ".join(words for words in (what.to, what.effect) if words and (words != Phase.SAME or not what.effect))
