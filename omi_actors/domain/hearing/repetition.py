"""Repetition: whether a typed message is the last one once more.

Not here: how long a message is remembered (actors/session/chat.py), spoken questions (near_duplicates.py).
Threads: none, pure. Cost: 25 kB take 4 ms to normalise, two of them 2 ms to compare, whatever is in them.
Source: similarity = (longer - Levenshtein distance) / longer over normalised text, as chat clients of Omi expect;
the distance by Hyyrö's bit-parallel form of Myers's algorithm (2003), a column of the matrix in one integer.
"""

import re

# Characters compared; two questions that agree so far are the same.
_QUESTION_CHARS = 160
# The shorter must be this much of the longer: "what time is it" is not "what time is it now".
_MIN_SHARE = 0.9
_APOSTROPHES = re.compile(r"['’`]")
# All but letters, digits and the vowel signs of Hindi and Arabic.
_SEPARATORS = re.compile(r"[^\w\u0900-\u0903\u093a-\u094f\u064b-\u065f]+|_+")


def normalise(text: str, chars: int = _QUESTION_CHARS) -> str:
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


# More alike than this is a repetition.
_MIN_SIMILARITY = 0.85
# Characters of a message that are compared: more than any setting lets in.
_MESSAGE_CHARS = 100_000
# What differs may be this long; beyond it a repetition is missed, which costs one answer and no more.
_MAX_MIDDLE = 500
_NUMBERS = re.compile(r"\d+")


def normalise_message(text: str) -> str:
    """Return what is compared of a message: its words in lower case, one blank between, none of its punctuation."""
    return normalise(text, _MESSAGE_CHARS)


def is_repetition(one: str, other: str) -> bool:
    """Tell whether two normalised messages are the same but for typing.

    Other numbers make another question, and what has no word in it is like nothing.
    """
    if not one or not other:
        return False
    if one == other:
        return True
    longer = max(len(one), len(other))
    allowed = longer * (1 - _MIN_SIMILARITY)
    if abs(len(one) - len(other)) >= allowed or _NUMBERS.findall(one) != _NUMBERS.findall(other):
        return False
    one, other = _without_common_ends(one, other)
    return max(len(one), len(other)) <= _MAX_MIDDLE and _distance(one, other) < allowed


def _without_common_ends(one: str, other: str) -> tuple[str, str]:
    """Return what is left of both between what they have in common at their ends: the distance is the same."""
    start = _common_prefix(one, other)
    one, other = one[start:], other[start:]
    end = _common_prefix(one[::-1], other[::-1])
    return one[: len(one) - end], other[: len(other) - end]


def _common_prefix(one: str, other: str) -> int:
    """Return how many characters both begin with. By halving: comparing slices runs in C."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _distance(one: str, other: str) -> int:
    """Return the Levenshtein distance. Each step takes a whole column, as the differences between its rows."""
    if not one or not other:
        return len(one) + len(other)
    places: dict[str, int] = {}
    for row, letter in enumerate(one):
        places[letter] = places.get(letter, 0) | 1 << row
    mask, last = (1 << len(one)) - 1, 1 << len(one) - 1
    up, down, distance = mask, 0, len(one)
    for letter in other:
        same = places.get(letter, 0)
        diagonal = (((same & up) + up) ^ up) | same | down
        right_up = down | ~(diagonal | up) & mask
        right_down = up & diagonal
        distance += bool(right_up & last) - bool(right_down & last)
        right_up = (right_up << 1 | 1) & mask
        right_down = right_down << 1 & mask
        up = right_down | ~(diagonal | right_up) & mask
        down = right_up & diagonal
    return distance
