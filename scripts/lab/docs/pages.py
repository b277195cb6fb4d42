"""Builds the text of each document that is made from the program, so that the documents agree with the code.

Not here: settings (config/), metrics (omi_actors/instruments/metrics.py). Threads: any; pure.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase
from pydantic.fields import FieldInfo

from config.not_taken import NOT_TAKEN, NotTaken
from config.variables import Group, as_given, groups, unit_of, variables_of
from omi_actors.instruments import metrics
from scripts.lab.docs.delivery_table import ARCHITECTURE, build_architecture_page

_ROOT = Path(__file__).parents[3]

_SETTINGS_HEAD = """# Settings

Set a variable in the environment or in `.env` (`--env-file` names another file). An option of the command wins over the
environment, and the environment wins over the file. An empty variable counts as not set. The file's values are taken as
written: `$` has no special meaning. `omi-actors config` shows every value and its source; `omi-actors doctor` finds
mistakes.

An impossible value, or a misspelt name in the file, ends the start with a sentence. In the environment, a name that is
almost that of a setting brings a warning. Switches take `true`, `1`, `yes`, `on` and `false`, `0`, `no`, `off`.
"""
_TABLE = "| variable | default | unit | range | meaning |\n|---|---|---|---|---|"
_NOT_TAKEN_HEAD = """## Variables of other servers that have no effect

The server names them at start. A variable marked *refused* ends the start, because its absence would surprise.

| variable | accepted value | otherwise | why | instead |
|---|---|---|---|---|"""

_EXAMPLE_HEAD = "# Every setting with its meaning and default. Copy to .env and uncomment the lines that you change.\n"

_METRICS_HEAD = """# Metrics

`GET /metrics` serves these to the operator, and to holders of `METRICS_TOKEN`, in Prometheus's text format or
OpenMetrics. Labels are small, fixed sets: never an id, a person's word or an address. A histogram has `_bucket`, `_sum`
and `_count`. [operating.md](operating.md) says which to look at first, and when to act. Made from the program by
`scripts/docs`.

| metric | kind | labels | meaning |
|---|---|---|---|
"""


def build_settings_page() -> str:
    """Return docs/settings.md."""
    rows = [_not_taken_row(name, entry) for name, entry in NOT_TAKEN.items()]
    return "\n".join([_SETTINGS_HEAD, *map(_section, groups()), _NOT_TAKEN_HEAD, *rows, ""])


def _section(group: Group) -> str:
    return "\n".join([f"## {group.title}\n", _TABLE, *_rows(group), ""])


def _rows(group: Group) -> Iterator[str]:
    for attribute, field in group.fields.items():
        name, *others = variables_of(field)
        bounds = _range_of(field)
        also = f" Also: {', '.join(f'`{other}`' for other in others)}." if others else ""
        cells = (
            f"`{name}`",
            f"`{_default_of(field)}`" if _default_of(field) else "",
            unit_of(attribute, field),
            f"{bounds[0]} to {bounds[1]}" if bounds else "",
            f"{field.description}{also}",
        )
        yield f"| {' | '.join(cells)} |"


def _range_of(field: FieldInfo) -> tuple[str, str] | None:
    """Return the lowest and the highest accepted value; None if the value is a word."""
    low = next((getattr(rule, "ge") for rule in field.metadata if hasattr(rule, "ge")), None)  # noqa: B009 (any rule class)
    high = next((getattr(rule, "le") for rule in field.metadata if hasattr(rule, "le")), None)  # noqa: B009 (any rule class)
    return None if low is None else (str(low), str(high))


def _default_of(field: FieldInfo) -> str:
    """Return the default in the variable's form; "" if there is none, or if another setting decides it."""
    return as_given(field.default) if field.default_factory is None else ""


def _not_taken_row(name: str, entry: NotTaken) -> str:
    accepted = "" if entry.is_so is None else f"`{str(entry.is_so).lower()}`"
    outcome = "*refused*" if entry.refused else "named"
    return f"| `{name}` | {accepted} | {outcome} | {entry.reason} | {entry.instead} |"


def build_example_env() -> str:
    """Return config/example.env: every setting commented out, at its default, by subject."""
    blocks = [_EXAMPLE_HEAD]
    for group in groups():
        blocks.append(f"# --- {group.title}\n")
        for field in group.fields.values():
            name, *others = variables_of(field)
            also = f" (also: {', '.join(others)})" if others else ""
            bounds = _range_of(field)
            within = f" Range: {bounds[0]} to {bounds[1]}." if bounds else ""
            blocks.append(f"# {field.description}{within}{also}\n#{name}={_default_of(field)}\n")
    return "\n".join(blocks)


def build_metrics_page() -> str:
    """Return docs/metrics.md, in the order in which the metrics are defined."""
    defined = [metric for metric in vars(metrics).values() if isinstance(metric, MetricWrapperBase)]
    return _METRICS_HEAD + "".join(map(_metric_row, defined))


def _metric_row(metric: MetricWrapperBase) -> str:
    (described,) = metric.describe()
    name = f"{described.name}_total" if described.type == "counter" else described.name
    labels = ", ".join(f"`{label}`" for label in metric._labelnames)  # noqa: SLF001 (no public access)
    return f"| `{name}` | {described.type} | {labels} | {described.documentation} |\n"


PAGES: Mapping[Path, Callable[[], str]] = {
    _ROOT / "docs" / "settings.md": build_settings_page,
    _ROOT / "config" / "example.env": build_example_env,
    _ROOT / "docs" / "metrics.md": build_metrics_page,
    ARCHITECTURE: build_architecture_page,
}
