"""Recall by meaning, beside words: what is embedded of a text, and the fusion of both rankings.

Not here: vectors (actors/embedder.py), the nearest ones (store/people/recall_vectors.py). Threads: any; pure.
Source: reciprocal rank fusion, Cormack, Clarke and Büttcher 2009; their k is 60, ours suits short lists.
"""

import re
from collections.abc import Collection, Mapping, Sequence

from omi_actors.domain.people.recall import IndexedText
from omi_actors.domain.people.scores import Scored, words_of
from omi_actors.domain.people.words import fold_word, strip_accents

# Texts by meaning, and texts by words, that are fused.
MAX_NEAR = 150
_K = 10
_WORD = re.compile(r"[^\W_]+")


def strip_names(text: str, speakers: Collection[str]) -> str:
    """Return a text without the names of speakers (folded): they would make all texts about a person alike."""
    if not speakers:
        return text
    return _WORD.sub(lambda word: "" if fold_word(strip_accents(word[0])) in speakers else word[0], text)


def fuse(by_words: Sequence[Scored], near: Sequence[int], texts: Mapping[int, IndexedText]) -> list[Scored]:
    """Return both rankings as one, the best first: a text counts by its places in them.

    `near` are the numbers of the texts by meaning; those that `texts` lacks are gone. Of texts with the same words only
    the best is returned.
    """
    meant: dict[tuple[str, ...], int] = {}
    for number in near:
        if number in texts:
            meant.setdefault(words_of(texts[number]), number)
    scores: dict[int, float] = {}
    for ranking in ([one.number for one in by_words[:MAX_NEAR]], list(meant.values())):
        for place, number in enumerate(ranking, 1):
            scores[number] = scores.get(number, 0.0) + 1.0 / (_K + place)
    found: dict[tuple[str, ...], Scored] = {}
    for number, score in sorted(scores.items(), key=lambda one: (-one[1], -one[0])):
        found.setdefault(words_of(texts[number]), Scored(number, score))
    return list(found.values())
