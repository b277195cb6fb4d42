"""Libraries that are imported while the server runs, in a thread.

Not here: which, and what for (openai_model.py, omi_api.py). Threads: those that import.
"""

import gc
from importlib import import_module


def import_for_good(name: str) -> None:
    """Import a library. Call it in a thread.

    What it is made of lives to the end, and there is much of it: a garbage collector that looked through it, now or
    later, would hold the event loop for 0.1 s each time.
    """
    gc.disable()
    try:
        import_module(name)
        gc.freeze()
    finally:
        gc.enable()
