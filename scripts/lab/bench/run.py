"""A run of the bench: rows measured in the page's order, with all that their figures depend on.

Not here: the rows (rows.py), the command line (bench/__main__.py). Threads: one event loop.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from scripts.lab.bench.machine import read_commit, read_machine
from scripts.lab.bench.rows import ROWS, Bench
from scripts.lab.replay.report import read_versions


async def run_bench(
    bench: Bench, names: tuple[str, ...], *, command: str, say: Callable[[str], None]
) -> dict[str, object]:
    """Measure the named rows in the page's order and return what docs/benchmarks.json holds."""
    rows = {}
    settings: dict[str, str] = {}
    for name, row in ROWS.items():
        if name in names:
            say(f"{name} ...")
            figures = dict(await row.measure(bench))
            settings |= figures.pop("settings", {})
            rows[name] = {
                "what": row.what,
                "how": row.how,
                "target": row.target,
                "headline": row.show(figures),
                "is_reached": row.reaches(figures),
                "figures": figures,
            }
            say(f"  {row.show(figures)}   target {row.target}")
            if row.explain is not None:
                say(row.explain(figures))
    return {
        "date": datetime.fromtimestamp(bench.clock.now_s(), UTC).isoformat(timespec="seconds"),
        "commit": read_commit(),
        "command": command,
        "quick": bench.sizes.is_quick,
        "machine": read_machine(),
        "versions": read_versions(),
        "settings": settings,
        "rows": rows,
    }
