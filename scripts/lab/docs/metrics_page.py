"""The page docs/metrics.md: made from the metrics, so that it cannot be out of date.

Not here: the metrics (metrics.py), when to act on one (docs/operating.md). Threads: none.
Run `python -m scripts.lab.docs.metrics_page > docs/metrics.md` to renew it.
"""

import sys

from prometheus_client.metrics import MetricWrapperBase

from omi_actors.instruments import metrics

_HEAD = """# Metrics

What `GET /metrics` serves to the operator, and to whoever has `METRICS_TOKEN`, in Prometheus's text format or
OpenMetrics. Labels are small, fixed sets: never an id, a person's word or an address. A histogram has `_bucket`, `_sum`
and `_count`. What to look at first, and when to act, is in [operating.md](operating.md). Made from the program:
`python -m scripts.lab.docs.metrics_page`.

| metric | kind | labels | meaning |
|---|---|---|---|
"""


def metrics_page() -> str:
    """Return the page as text, in the order in which the metrics are defined."""
    defined = [metric for metric in vars(metrics).values() if isinstance(metric, MetricWrapperBase)]
    return _HEAD + "".join(map(_row, defined))


def _row(metric: MetricWrapperBase) -> str:
    (described,) = metric.describe()
    name = f"{described.name}_total" if described.type == "counter" else described.name
    labels = ", ".join(f"`{label}`" for label in metric._labelnames)  # noqa: SLF001 (no public reading)
    return f"| `{name}` | {described.type} | {labels} | {described.documentation} |\n"


if __name__ == "__main__":
    sys.stdout.write(metrics_page())
