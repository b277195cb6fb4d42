"""Has jobs of kinds that this program does not have buried, when the queue opens.

Only then: of programs side by side an older one must not bury what a newer one enqueues.
Not here: the statements (store/unknown_kinds.py). Threads: the event loop; the end is told in the writer's.
"""

from collections.abc import Sequence
from functools import partial

from omi_actors.errors import OmiError
from omi_actors.instruments.logs import get_logger
from omi_actors.kit.future import Future
from omi_actors.store.facade import Store
from omi_actors.store.unknown_kinds import LIMIT, bury_unknown_kinds

_log = get_logger(__name__)


def bury_unknown(store: Store, kinds: Sequence[str]) -> None:
    """Bury waiting jobs of all kinds but these, some hundred at a time, and say so in the log."""
    store.write(partial(bury_unknown_kinds, kinds=kinds)).add_done_callback(partial(_go_on, store, kinds))


def _go_on(store: Store, kinds: Sequence[str], buried: Future[dict[str, int]]) -> None:
    try:
        counts = buried.result()
    except OmiError as exc:
        _log.warning("unknown_jobs_not_buried", error=type(exc).__name__)
        return
    for kind, count in counts.items():
        _log.error("jobs_of_unknown_kind", kind=kind, count=count, fix="see: omi-actors queue list --state dead")
    if sum(counts.values()) == LIMIT:
        bury_unknown(store, kinds)
