"""Patterns by which persons wake the wearable, in place of names: compiled by RE2, which searches in linear time.

Only this file knows RE2. Python's own `re` can take hours for a few characters, and a person may type any pattern.
Not here: what is made of their places (wake.py). Threads: any; pure. Source: github.com/google/re2/wiki/Syntax.
"""

from typing import Any

# Characters of a pattern.
MAX_CHARS = 200
# Bytes of a compiled pattern with its search's memory. A pattern of ordinary length takes a tenth; with twice as many a
# pattern such as ".{0,1000}x" takes 25 µs for each character that is heard.
_PATTERN_BYTES = 1 << 17
# Texts without a common word or letter: a pattern that is found in all of them wakes at everything.
_ANY_TEXTS = ("it was", "8", "Когда", "。", "e")


def compile_pattern(pattern: str) -> Any:
    """Compile a person's pattern, in RE2's syntax: its search takes linear time, whatever the pattern.

    Raises:
        ValueError: it is no pattern, is too large, or is found in every text.
    """
    import re2  # noqa: PLC0415 (2 MB of memory that only persons with a pattern need)

    options = re2.Options()
    options.case_sensitive, options.log_errors, options.max_mem = False, False, _PATTERN_BYTES
    try:
        compiled = re2.compile(pattern, options=options)
    except re2.error as exc:
        (reason,) = exc.args
        raise ValueError(reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)) from None
    if compiled.search("") or all(compiled.search(text) for text in _ANY_TEXTS):
        raise ValueError("it is found in every text")
    return compiled
