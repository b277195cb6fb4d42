"""Scores of recall: which of a person's texts come first, and what does not count."""

import datetime as dt
from collections.abc import Sequence

from omi_actors.domain.people.recall import (
    MAX_CANDIDATES,
    MAX_POSTINGS,
    MAX_WORDS,
    IndexedText,
    build_query,
    build_terms,
    choose_candidates,
    fold_names,
)
from omi_actors.domain.people.scores import rank

TODAY = dt.date(2026, 11, 27)


def find(
    question: str, texts: Sequence[tuple[str, str]], *, follows: bool = True, limit: int | None = None
) -> list[int]:
    """Return the places of the texts (speaker, text) that a question finds, counted from 1, in their order."""
    speakers = {name for speaker, _ in texts for name in fold_names(speaker)}
    indexed = {
        number: IndexedText(tuple(build_terms(text, at=number * 60.0, zone=dt.UTC, speaker=speaker)), follows)
        for number, (speaker, text) in enumerate(texts, 1)
    }
    query = build_query(question, speakers=speakers, today=TODAY)
    postings = {term: [number for number, one in indexed.items() if term in one.terms] for term in query.terms}
    candidates = choose_candidates(query, postings, len(texts))
    return [one.number for one in rank(query, candidates, indexed, postings, len(texts), limit)]


SMALL_TALK = [("Ada", f"The weather of day {number} is fine") for number in range(20)]


def test_rare_words_count_more_than_common_ones() -> None:
    texts = [*SMALL_TALK, ("Ada", "The weather is fine"), ("Ada", "My kayak leaks")]

    assert find("Is the weather fine for the kayak?", texts, follows=False)[0] == 22


def test_the_first_few_are_the_first_of_all_also_where_usual_words_change_the_order() -> None:
    texts = [(name, f"The kayak {what}") for name in ("Ada", "Ben") for what in ("leaks", "is mine", "and the lake")]
    texts += [("Ada", "The kayak is mine"), ("Eve", "A kayak, and the kayak again"), ("Eve", "My lake has a kayak?")]

    everything = find("Where is the kayak of the lake?", [*texts, *SMALL_TALK])

    assert len(everything) > 4
    for limit in range(1, len(everything) + 2):
        assert find("Where is the kayak of the lake?", [*texts, *SMALL_TALK], limit=limit) == everything[:limit]


def test_a_reply_comes_before_the_question_that_it_answers() -> None:
    texts = [*SMALL_TALK, ("Ada", "Who has borrowed the kayak?"), ("Ben", "Nora has."), *SMALL_TALK]

    found = find("Who borrowed my kayak?", [*texts, ("Ada", "I borrowed a kayak once")])
    assert found[0] == 22  # and not the last one, which has the words itself
    assert 21 in found


def test_a_statement_comes_before_a_question_with_the_same_words() -> None:
    texts = [*SMALL_TALK, ("Ada", "The kayak is at the lake"), *SMALL_TALK, ("Ada", "Is the blue kayak at the lake?")]

    assert find("blue kayak lake", texts, follows=False) == [21, 42]


def test_texts_with_the_same_words_are_found_once_the_best_of_them() -> None:
    again = [("Ada", "The kayak leaks"), ("Ada", "What do you mean by boat?"), ("Ada", "The kayak leaks")]
    texts = [("Ada", "The kayak leaks"), *SMALL_TALK, *again]

    assert find("Which boat leaks, the kayak?", texts)[0] == 24  # the reply to a question about the boat
    assert not {1, 22} & {*find("Which boat leaks, the kayak?", texts)}


def test_parts_of_compounds_are_found_both_ways() -> None:
    texts = [*SMALL_TALK, ("Ada", "Der Termin beim Zahnarzt ist am Montag"), *SMALL_TALK]
    joined = [*SMALL_TALK, ("Ada", "Ich habe einen Zahnarzttermin am Montag"), *SMALL_TALK]

    assert find("Wann ist der Zahnarzttermin?", texts)[0] == 21
    assert find("Wann muss ich zum Zahnarzt, Montag?", joined)[0] == 21


def test_a_text_of_unusual_words_comes_before_repeated_phrases_with_the_same_name() -> None:
    phrases = [("Ada", f"{name} says hello") for name in ("Carmen", "Rosa", "Hugo", "Emil", "Lena")]
    texts = [*phrases, ("Ada", "Carmen promised three goats"), *phrases]

    assert find("What about Carmen?", texts, follows=False) == [6, 7]


def test_labels_of_unknown_speakers_are_no_names() -> None:
    assert fold_names("SPEAKER_00") == fold_names("SPEAKER_1") == fold_names("user") == ()
    assert fold_names("Anna Maria") == ("ann", "mar")


def test_long_questions_and_common_words_stay_bounded() -> None:
    query = build_query(" ".join(f"word{n}" for n in range(500)), speakers=(), today=TODAY)
    assert len(query.groups) == MAX_WORDS

    everywhere = list(range(1, MAX_POSTINGS + 2))
    one = build_query("boat", speakers=(), today=TODAY)
    assert len(choose_candidates(one, {"boat": everywhere}, 100_000)) == MAX_CANDIDATES
    two = build_query("boat kayak", speakers=(), today=TODAY)
    chosen = choose_candidates(two, {"boat": everywhere, "kayak": [7, 9_000]}, 100_000)
    assert {*chosen} == {6, 7, 8, 8_999, 9_000, 9_001}


def test_a_text_without_any_word_of_the_question_is_not_found() -> None:
    assert find("Who borrowed my kayak?", SMALL_TALK) == []
    assert find("What did Ada say?", SMALL_TALK) == []
