"""Words of a text as recall compares them, and dates that a question names."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omi_actors.domain.people.dates import build_date_terms, find_dates
from omi_actors.domain.people.words import MAX_WORDS, fold_text, fold_word, split_words

TODAY = dt.date(2026, 11, 27)  # a Friday


@pytest.mark.parametrize(
    "forms",
    [
        "book books booked booking bookings",
        "party parties",
        "study studied studying studies",
        "run runs ran running",
        "plan plans planned planning",
        "buy buys bought buying",
        "buchen buche gebucht Buchung",
        "kaufen kaufte gekauft Kauf",
        "Termin Termine Termins Terminen",
        "Haus Häuser Häusern",
        "fahren fährt fuhr gefahren",
        "reservar reservé reserva reservado reservamos",
        "llegar llegó llega llegaba",
        "vecino vecina vecinos",
    ],
)
def test_forms_of_a_word_have_one_fold(forms: str) -> None:
    assert len({fold_word(word) for word in split_words(forms)}) == 1


def test_different_words_have_different_folds() -> None:
    words = split_words("dentist garden boat flight key safe doctor hotel Zahnarzt Garten Schlüssel jardín barco llave")

    assert len({fold_word(word) for word in words}) == len(words)


def test_stop_words_of_all_languages_and_punctuation_do_not_count() -> None:
    assert fold_text("What did I say about the boat?") == fold_text("¿Qué dije del boat?") == ["boat"]
    assert fold_text("Was habe ich über das Boot gesagt?!") == ["boot"]
    assert fold_text("Anna's boat") == ["ann", "boat"]


def test_texts_without_blanks_are_compared_by_pairs_of_signs() -> None:
    assert {*fold_text("东京会议")} & {*fold_text("明天的会议在哪里")} == {"会议"}


@given(st.text(max_size=200))
def test_folds_are_bare_words_whatever_the_text(text: str) -> None:
    folds = fold_text(text)

    assert len(folds) <= MAX_WORDS + 200
    assert all(fold and fold.isalnum() and "_" not in fold for fold in folds)


@pytest.mark.parametrize(
    ("question", "dates"),
    [
        ("What did we plan on 12 March 2024?", [("_d20240312",)]),
        ("am 12. März 2024", [("_d20240312",)]),
        ("el 12 de marzo de 2024", [("_d20240312",)]),
        ("on March 3rd", [("_d20260303", "_d20250303", "_d20240303")]),
        ("in March", [("_n03",)]),
        ("im Mai 2025", [("_m202505",)]),
        ("en 2023", [("_y2023",)]),
        ("2024-03-05", [("_d20240305",), ("_y2024",)]),
        ("am 5.3.2024", [("_d20240305",), ("_y2024",)]),
        ("yesterday", [("_d20261126",)]),
        ("vorgestern", [("_d20261125",)]),
        ("hace tres días", [("_d20261124",)]),
        ("3 days ago", [("_d20261124",)]),
        ("last Monday", [("_d20261123",)]),
        ("last Friday", [("_d20261120",)]),
        ("on Monday", [("_w0",)]),
        ("letzte Woche", [tuple(f"_d202611{day}" for day in range(16, 23))]),
        ("el mes pasado", [("_m202610",)]),
        ("May I go? They march on.", []),
        ("31.2.2024 and 99.99.9999", [("_y2024",)]),
        ("7000 euros for 30 days", []),
    ],
)
def test_dates_of_a_question(question: str, dates: list[Any]) -> None:
    assert find_dates(question, TODAY) == dates


def test_each_date_of_a_question_is_a_term_of_a_text_of_that_day() -> None:
    at = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC).timestamp()
    terms = {*build_date_terms(at, dt.UTC)}

    for question in ("last Monday", "on Monday", "23 November", "im November", "2026", "esta semana no, hace 4 días"):
        (group,) = find_dates(question, TODAY)
        assert terms & {*group}, question


@given(st.text(max_size=100))
def test_no_text_breaks_the_search_for_dates(text: str) -> None:
    assert all(term.startswith("_") for group in find_dates(text, TODAY) for term in group)
