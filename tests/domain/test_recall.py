"""Recall: the state of hearing after a restart, rebuilt from stored segments."""

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omi_actors.domain.hearing.hearing import hear, pause_over, recall
from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.hearing.state import (
    SILENT,
    HearingOptions,
    HearingResult,
    ListenMode,
    Question,
    build_question_key,
    read_place,
)

WORDS = (
    *("hey omi", "Omi, what", "is it?", "hey", "the time", "of", "We went home.", "ok omi tell me a joke", "No."),
    *("thanks", "hey omi what time is it", "hey omi, who", "he said", "Hey Omi.", "and so", "Hey Omi, is it late?"),
)
# Words, speaker, seconds of silence before, and whether they come with the webhook before.
HISTORY = st.lists(
    st.tuples(st.sampled_from(WORDS), st.sampled_from("AAAB"), st.sampled_from([0.0, 0.4, 3.0, 9.0]), st.booleans()),
    max_size=16,
)


def stored(spoken):
    segments, at_s, came_at = [], 0.0, 0.0
    for n, (text, speaker, silence_s, is_together) in enumerate(spoken, 1):
        at_s += silence_s + 0.1
        came_at = came_at if is_together and n > 1 else at_s + 0.5
        segments.append(
            StoredSegment(f"k{n}", n, "c", text, speaker, None, True, None, at_s - 0.1, at_s, 1000.0 + came_at)
        )
    return segments


def said(text, at_s, key="k1"):
    return StoredSegment(key, 1, "c", text, "A", None, True, None, at_s, at_s + 1.0, at_s)


def live(segments, now_s, options=HearingOptions()):  # noqa: B008 (immutable)
    """Return the result and the questions of a session that never stopped."""
    heard, questions = HearingResult(SILENT, (), None), list[Question]()

    def let_pass(until_s):
        nonlocal heard
        while heard.deadline is not None and heard.deadline <= until_s:
            heard = pause_over(heard.state, heard.deadline, options)
            questions.extend(heard.questions)

    for at_s, webhook in groupby(segments, key=lambda segment: segment.created_at):
        let_pass(at_s)
        heard = hear(heard.state, list(webhook), at_s, options)
        questions.extend(heard.questions)
    let_pass(now_s)
    return heard, questions


def places(questions):
    return [(question.segment_key, question.ordinal) for question in questions]


@given(HISTORY, st.sampled_from([0.0, 1.0, 2.5, 20.0]), st.sampled_from(list(ListenMode)))
def test_recalled_state_is_the_live_one_and_nothing_is_asked_twice(spoken, later_s, mode):
    segments = stored(spoken)
    options = HearingOptions(mode=mode)
    now_s = 1000.0 + later_s + (segments[-1].created_at - 1000.0 if segments else 0.0)
    heard, questions = live(segments, now_s, options)

    recalled = recall(segments, places(questions)[-8:], now_s, options)

    assert recalled.questions == ()
    assert (recalled.state.open_utterances, recalled.deadline) == (heard.state.open_utterances, heard.deadline)


@given(HISTORY, st.integers(0, 16))
def test_questions_that_were_not_accepted_are_returned(spoken, count):
    segments = stored(spoken)
    _, questions = live(segments, 1e6)

    recalled = recall(segments, places(questions)[:count], 1e6)

    assert list(recalled.questions) == questions[count:]


def test_question_whose_pause_passed_meanwhile_is_returned_once():
    segments = [said("hey omi what time is it", 10.0)]

    recalled = recall(segments, (), 60.0)

    assert [question.text for question in recalled.questions] == ["what time is it"]
    assert hear(recalled.state, segments, 61.0).questions == ()


def test_open_question_is_open_still():
    recalled = recall([said("hey omi what time is it", 10.0)], (), 10.5)

    assert (recalled.questions, recalled.deadline) == ((), 10.8)
    assert [question.text for question in pause_over(recalled.state, 12.0).questions] == ["what time is it"]


def test_wake_phrase_before_the_restart_is_completed_after_it():
    recalled = recall([said("and then hey", 10.0)], (), 12.0)

    heard = hear(recalled.state, [said("Omi, what time is it?", 11.5, "k2")], 13.0)

    assert [question.text for question in heard.questions] == ["what time is it?"]


def test_accepted_question_asks_nothing_when_its_segment_comes_again_longer():
    recalled = recall([said("Hey Omi, is it late?", 10.0)], [("k1", 0)], 300.0)

    assert hear(recalled.state, [said("Hey Omi, is it late? Or not?", 10.0)], 301.0).questions == ()


def test_older_questions_are_not_asked_any_more():
    segments = [said("hey omi what time is it", 10.0), said("Good.", 71.0, "k2")]

    assert recall(segments, (), 80.0).questions == ()


def test_recall_without_segments_returns_an_empty_result():
    assert recall((), (), 10.0) == HearingResult(SILENT, (), None)


@pytest.mark.parametrize("place", [("s1", 0), ("~2:0a1b", 3), ("a:b:c", 1), ("", 0)])
def test_place_is_read_back_from_the_key_made_of_it(place):
    assert read_place(build_question_key("0b0e1d5e-session", place)) == place
