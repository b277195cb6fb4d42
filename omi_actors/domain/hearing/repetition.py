"""Repetition: decide if two spoken questions, or two typed messages, are nearly equal.

Not here: the time for which they are remembered (utterances.py, domain/sessions/chat.py).
Threads: any; pure. Cost: normalising 25 kB takes at most 4 ms, comparing two such texts at most 2 ms.
Source: similarity = (longer - Levenshtein distance) / longer over normalised text, as chat clients of Omi expect;
the distance by Hyyrö's bit-parallel form of Myers's algorithm (2003), a column of the matrix in one integer.
"""

import re

# Characters compared of a spoken question: the rest of a longer one does not matter.
_QUESTION_CHARS = 160
# Least share of the longer question that the shorter must have: "what time is it" is not "what time is it now".
_MIN_SHARE = 0.9
# All letters of scripts without blanks between words come after this one.
_FIRST_UNSPACED = "\u3000"
_APOSTROPHES = re.compile(r"['’`]")
# All but letters, digits and the vowel signs of Hindi and Arabic.
_SEPARATORS = re.compile(r"[^\w\u0900-\u0903\u093a-\u094f\u064b-\u065f]+|_+")


def normalise(text: str, chars: int = _QUESTION_CHARS) -> str:
    """Return the words of a text in lower case, with one blank between and no punctuation."""
    words = _APOSTROPHES.sub("", text[: 4 * chars].casefold())
    return _SEPARATORS.sub(" ", words).strip()[:chars]


def is_near_duplicate(one: str, other: str) -> bool:
    """Return True when two normalised questions are equal, except for a few short words at one end."""
    shorter, longer = sorted((one, other), key=len)
    if shorter == longer:
        return True
    if not shorter or len(shorter) < _MIN_SHARE * len(longer):
        return False
    return longer.startswith(f"{shorter} ") or longer.endswith(f" {shorter}")


def is_beginning(one: str, other: str) -> bool:
    """Return True when the normalised text `other` begins with all the words of `one`."""
    if not other.startswith(one):
        return False
    return len(one) == len(other) or not one or other[len(one)] == " " or one[-1] >= _FIRST_UNSPACED


# Least similarity of a repetition.
_MIN_SIMILARITY = 0.85
# Characters compared of a message: more than any setting allows.
_MESSAGE_CHARS = 100_000
# Longest differing middle that is compared; with a longer one the message only gets a second answer.
_MAX_MIDDLE = 500
_NUMBERS = re.compile(r"\d+")


def normalise_message(text: str) -> str:
    """Normalise a typed message; it may be much longer than a spoken question."""
    return normalise(text, _MESSAGE_CHARS)


def is_repetition(one: str, other: str) -> bool:
    """Return True when two normalised messages differ only by typing errors.

    Messages with different numbers are different questions. An empty message equals no other.
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
    """Remove the common beginning and end of both; their distance stays the same."""
    start = _common_prefix(one, other)
    one, other = one[start:], other[start:]
    end = _common_prefix(one[::-1], other[::-1])
    return one[: len(one) - end], other[: len(other) - end]


def _common_prefix(one: str, other: str) -> int:
    """Return the length of the common beginning. Halving compares whole slices, which is fast in C."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _distance(one: str, other: str) -> int:
    """Return the Levenshtein distance. Each step computes a whole column of the matrix as differences between rows."""
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
