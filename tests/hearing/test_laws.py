"""Laws of hearing: they hold for any words, any cut into segments, and any number of retries."""

import re
from itertools import count

from hypothesis import assume, example, given
from hypothesis import strategies as st

from omi_actors.domain.hearing.hearing import hear, pause_over, relabel
from omi_actors.domain.hearing.names import may_wake, prepare
from omi_actors.domain.hearing.segments import Segment, StoredSegment
from omi_actors.domain.hearing.state import SILENT, Question
from omi_actors.domain.hearing.wake import find_wakes
from omi_actors.domain.sessions.transcript import build_progress, decide_growth

WORDS = (
    *(
        "hey",
        "Hey,",
        "ok",
        "Omi",
        "omi,",
        "Omi.",
        "Omi?",
        "team",
        "is it,",
        "it,",
        "late?",
        "oh",
        "me",
        "omie",
        "homie",
        "only",
        "they",
        "promise",
        "Naomi",
    ),
    *("what", "is", "it?", "the", "time.", "said", "tell", "me", "a", "joke.", "thanks", "late.", "of.", "So,"),
    *("привет,", "Оми,", "который", "час?", "oye", "¿qué", "hora", "es?", "हे", "ओमी,", "يا", "أومي،", "3.5", "“Hey"),
)
TWO_QUESTIONS = ["hey", "Omi", "what", "is", "it?", "hey", "Omi", "tell", "me", "a", "joke."]
SPEECH = st.lists(st.sampled_from(WORDS), min_size=1, max_size=24)
CUTS = st.lists(st.sampled_from(["together", "segment", "webhook"]), min_size=24, max_size=24)
QUESTION = "Well, hey Omi, what is the capital of New Zealand? I forgot."


def cut(words, cuts, speaker="A"):
    """Return the words as webhooks of segments, 0.05 s a word: no cut is a pause.

    No webhook ends after a full stop, which ends a statement.
    """
    webhooks: list[list[Segment]] = [[]]
    at = 0.0
    for n, (word, how) in enumerate(zip(words, cuts, strict=False)):
        if how == "webhook" and webhooks[-1] and webhooks[-1][-1].text.endswith("."):
            how = "segment"  # noqa: PLW2901
        if how == "webhook" and webhooks[-1]:
            webhooks.append([])
        if how == "together" and webhooks[-1]:
            last = webhooks[-1].pop()
            webhooks[-1].append(
                segment(int(last.segment_id[1:]), f"{last.text} {word}", last.start_s, at + 0.05, speaker)
            )
        else:
            webhooks[-1].append(segment(n, word, at, at + 0.05, speaker))
        at += 0.05
    return webhooks


def segment(n, text, start_s, end_s, speaker="A"):
    return Segment(f"{speaker}{n}", text, speaker, None, True, None, start_s, end_s)


def stored(text, start_s=0.0):
    return StoredSegment(text, 1, "c", text, "A", None, True, None, start_s, start_s, 0.0)


def listen(webhooks, *, times=1):
    """Return the questions when each webhook is sent `times` times; known segments are dropped, as in a session."""
    ids = count(1)
    progress = build_progress(None, lambda: f"c{next(ids)}")
    state = SILENT
    questions: list[Question] = []
    for webhook in webhooks:
        for _ in range(times):
            now_s = webhook[-1].end_s + 0.5
            growth = decide_growth(progress, tuple(webhook), received_at=now_s, new_id=lambda: f"c{next(ids)}")
            heard = hear(relabel(state, growth.corrected), growth.fresh, now_s)
            state, progress = heard.state, growth.progress
            questions += heard.questions
    return [question.text for question in [*questions, *pause_over(state, 1e9).questions]]


@given(SPEECH, CUTS, CUTS)
@example(TWO_QUESTIONS, ["webhook"] * 24, ["together"] * 24)
@example(["hey", "Omi", "what", "is", "hey", "Omi", "team", "it?"], ["together"] * 24, ["segment"] * 24)
@example(["hey", "Omi", "what", "is", "hey", "Omi", "what", "is", "it?"], ["together"] * 24, ["webhook"] * 24)
@example(["hey", "Omi", "Omi", "omi,", "hey"], ["together"] * 24, [*["together"] * 4, "segment", *["together"] * 19])
def test_any_cut_of_the_same_words_finds_the_same_questions(words, cuts, others):
    assert listen(cut(words, cuts)) == listen(cut(words, others))


@given(CUTS)
def test_question_is_heard_however_it_is_cut(cuts):
    assert listen(cut(QUESTION.split(), cuts)) == ["what is the capital of New Zealand?"]


@given(CUTS)
def test_other_speakers_words_change_nothing(cuts):
    webhooks = cut(QUESTION.split(), cuts)
    for webhook in webhooks:
        webhook.append(segment(99, "No idea, they said.", webhook[-1].start_s, webhook[-1].end_s, "B"))

    assert listen(webhooks) == ["what is the capital of New Zealand?"]


@given(SPEECH, CUTS)
def test_webhooks_sent_twice_ask_nothing_twice(words, cuts):
    once = listen(cut(words, cuts))
    assume(len(set(once)) == len(once))

    twice = listen(cut(words, cuts), times=2)

    assert twice == once


@given(st.text(max_size=200))
def test_no_question_is_found_without_the_name(text):
    assume(not may_wake(text, prepare(("omi",))))

    assert find_wakes(text, prepare(("omi",))) == []


@given(st.sampled_from(["They", "Say hey to", "I bought an", "he said hey", "My", "the"]), st.sampled_from(WORDS))
def test_name_that_is_only_talked_about_never_asks(before, after):
    assume(not re.match(r"(?i)hey|ok|oye|привет|हे|يا|“hey", after))

    assert listen([[segment(0, f"{before} Omi {after} today", 0.0, 2.0)]]) == []


@given(st.text(), st.text(), st.floats(0, 1e6), st.floats(0, 1e6))
def test_no_text_and_no_time_breaks_it(one, other, start_s, now_s):
    heard = hear(SILENT, [stored(one), stored(other, start_s)], now_s)

    assert all(question.text for question in heard.questions)
