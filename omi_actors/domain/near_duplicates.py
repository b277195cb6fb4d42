"""Near-duplicates: the same question once more, as a second device or another spelling would put it.

Not here: how long a question is remembered (domain/hearing/hearing.py). Threads: none, pure. Cost: one pass, over a
bounded text.
"""

import re

# Characters compared; two questions that agree so far are the same.
_COMPARED_CHARS = 160
# The shorter must be this much of the longer: "what time is it" is not "what time is it now".
_MIN_SHARE = 0.9
_APOSTROPHES = re.compile(r"['’`]")
# All but letters, digits and the vowel signs of Hindi and Arabic.
_SEPARATORS = re.compile(r"[^\w\u0900-\u0903\u093a-\u094f\u064b-\u065f]+|_+")


def normalise(text: str, chars: int = _COMPARED_CHARS) -> str:
    """Return what is compared of a text: its words in lower case, one blank between, none of its punctuation."""
    words = _APOSTROPHES.sub("", text[: 4 * chars].casefold())
    return _SEPARATORS.sub(" ", words).strip()[:chars]


def is_near_duplicate(one: str, other: str) -> bool:
    """Tell whether two normalised questions are the same, but for a few letters' worth of whole words at an end."""
    shorter, longer = sorted((one, other), key=len)
    if shorter == longer:
        return True
    if not shorter or len(shorter) < _MIN_SHARE * len(longer):
        return False
    return longer.startswith(f"{shorter} ") or longer.endswith(f" {shorter}")
