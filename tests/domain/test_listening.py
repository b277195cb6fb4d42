"""Hearing over time: pauses, follow-ups, late and repeated segments, and the cost."""

import math
import sys
from time import process_time

import pytest

from omi_actors.domain.hearing.hearing import end_by_words, hear, note_reply, pause_over
from omi_actors.domain.hearing.names import prepare
from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.hearing.speech import LineRules, Piece, parse_line
from omi_actors.domain.hearing.state import SILENT, HearingOptions, ListenMode

FOLLOWUP = HearingOptions(mode=ListenMode.FOLLOWUP)
ALWAYS = HearingOptions(mode=ListenMode.ALWAYS)


def said(text, start_s=0.0, *, key="", speaker="A", conversation="c"):
    end_s = start_s + 1.0
    return StoredSegment(
        key or f"{text}@{start_s}", 1, conversation, text, speaker, None, True, None, start_s, end_s, 0.0
    )


def texts(heard):
    return [question.text for question in heard.questions]


def test_open_question_waits_for_the_pause_and_no_longer():
    heard = hear(SILENT, [said("hey omi what time is it")], 10.0)

    assert (texts(heard), heard.deadline) == ([], 10.8)
    assert texts(pause_over(heard.state, 10.7)) == []
    assert texts(pause_over(heard.state, 10.8)) == ["what time is it"]


def test_pause_ends_a_question_once():
    over = pause_over(hear(SILENT, [said("hey omi what time is it")], 10.0).state, 12.0)

    assert over.deadline is None
    assert texts(pause_over(over.state, 20.0)) == []


@pytest.mark.parametrize(
    ("words", "pause_s"),
    [
        ("what is the capital of", 2.48),
        ("can you uh", 2.48),
        ("remind", 2.48),
        ("when does", 2.48),
        ("wo liegt", 2.48),
        ("卵は", 2.48),
        ("stell einen wecker für", 2.48),
        ("rappelle-moi d'acheter du lait et", 2.48),
        ("какая погода в", 2.48),
        ("how tall is", 2.48),
        ("remind me to buy", 2.48),
        ("lights", 1.6),
        ("set a timer", 1.6),
        ("set a timer for ten", 1.6),
        ("who won it", 0.8),
        ("tell me how tall the tower is", 0.8),
        ("stell einen wecker für morgen früh", 0.8),
        ("えっと今日の天気はどう", 0.8),
    ],
)
def test_pause_is_short_after_a_whole_question_and_long_after_one_that_breaks_off(words, pause_s):
    assert hear(SILENT, [said(f"hey omi {words}")], 10.0).deadline == pytest.approx(10.0 + pause_s)


def test_question_without_its_mark_waits_longer_where_the_recogniser_writes_marks():
    assert hear(SILENT, [said("Hey Omi, what time is it")], 10.0).deadline == pytest.approx(11.6)


@pytest.mark.parametrize(
    "words",
    [
        "Hi Omi, my name is Mara, I'm testing",
        "Hallo Omi, ich heiße Mara.",
        "Hey Omi, I am at the station.",
        "Omi, stop.",
    ],
)
def test_statement_to_omi_ends_with_its_webhook(words):
    heard = end_by_words(hear(SILENT, [said(words)], 10.0), 10.0)

    (question,) = heard.questions
    assert (question.ended_by, heard.deadline) == ("words", None)


def test_statement_without_a_wake_phrase_waits_for_the_pause():
    heard = end_by_words(hear(SILENT, [said("I am at the station.")], 10.0, ALWAYS), 10.0, ALWAYS)

    assert texts(heard) == []
    assert heard.deadline == pytest.approx(11.6)


@pytest.mark.parametrize(
    "words",
    ["Hey Omi, I have a question.", "Omi, ich wollte wissen.", "Hey Omi, okay.", "Hi Omi, my name is", "Omi, so,"],
)
def test_statement_that_only_announces_a_question_waits_for_it(words):
    assert end_by_words(hear(SILENT, [said(words)], 10.0), 10.0).questions == ()


def test_statement_goes_on_in_the_next_segment_of_its_webhook():
    segments = [said("Hey Omi, I am at the station.", 1.0), said("When does my train leave?", 2.0)]

    slices = hear(hear(SILENT, segments[:1], 10.0).state, segments[1:], 10.0)

    assert texts(slices) == ["I am at the station. When does my train leave?"]


@pytest.mark.parametrize(
    ("words", "answer_at_s", "expected"),
    [
        ("hey omi who directed jaws", 1.2, [("who directed jaws", "speaker")]),
        ("hey omi who directed jaws", 0.5, []),
        ("Hey Omi, remind me to buy", 1.2, []),
    ],
)
def test_somebody_who_answers_a_whole_question_ends_it(words, answer_at_s, expected):
    heard = hear(SILENT, [said(words), said("Spielberg, obviously.", answer_at_s, speaker="B")], 10.0)
    heard = end_by_words(heard, 10.0)

    assert [(question.text, question.ended_by) for question in heard.questions] == expected


def test_wake_phrase_alone_waits_for_its_question_and_then_forgets():
    heard = hear(SILENT, [said("Hey Omi.")], 10.0)

    assert heard.deadline == 18.0
    assert pause_over(heard.state, 18.0).state.open_utterances == ()


def test_late_timer_changes_nothing():
    state = hear(SILENT, [said("hey omi what time is it")], 10.0).state

    heard = hear(state, [said("I am going to bed.", 30.0)], 40.0)

    assert texts(heard) == ["what time is it"]


def test_question_is_never_longer_than_the_hard_cap():
    state, at = hear(SILENT, [said("hey omi and so")], 0.0).state, 0.0
    while not (heard := hear(state, [said("he went on", at + 1.0)], at + 1.0)).questions:
        state, at = heard.state, at + 1.0

    assert at == 29.0


def test_place_of_a_question_is_where_its_wake_phrase_ends():
    state = hear(SILENT, [said("Hey", 0.0, key="a"), said("Omi, what", 1.0, key="b")], 2.0).state

    (question,) = hear(state, [said("time is it?", 2.0, key="c")], 3.0).questions

    assert (question.segment_key, question.ordinal, question.speaker) == ("b", 0, "A")


def test_two_questions_of_one_segment_have_two_places():
    heard = hear(SILENT, [said("Hey Omi, who is it? Hey Omi, where is it?", key="a")], 1.0)

    assert [(question.segment_key, question.ordinal) for question in heard.questions] == [("a", 0), ("a", 1)]


def test_two_speakers_questions_are_heard_side_by_side():
    state = hear(SILENT, [said("hey omi who is"), said("ok omi where is", speaker="B")], 1.0).state

    heard = hear(state, [said("it?", 1.0, speaker="B"), said("he?", 1.0)], 2.0)

    assert texts(heard) == ["where is it?", "who is he?"]


def test_longer_text_of_an_answered_segment_asks_nothing_again():
    state = hear(SILENT, [said("Hey Omi, is it late?", key="a")], 1.0).state

    assert texts(hear(state, [said("Hey Omi, is it late? Or not yet?", key="a")], 60.0)) == []


def test_late_segment_does_not_become_part_of_another_question():
    state = hear(SILENT, [said("hey omi what is", 20.0)], 21.0).state

    heard = hear(state, [said("I see", 5.0), said("the time?", 21.0)], 22.0)

    assert texts(heard) == ["what is the time?"]


def test_new_conversation_ends_what_was_asked_in_the_last():
    state = hear(SILENT, [said("hey omi what time is it", 90.0)], 91.0).state

    heard = hear(state, [said("Nice day.", 0.0, conversation="d")], 92.0)

    assert [(question.text, question.conversation_id) for question in heard.questions] == [("what time is it", "c")]


@pytest.mark.parametrize(("was_answered", "count"), [(True, 0), (False, 1)])
def test_same_question_may_be_asked_again_at_once_only_after_a_failure(was_answered, count):
    state = hear(SILENT, [said("Hey Omi, is it late?", 0.0)], 1.0).state

    heard = hear(note_reply(state, 2.0, was_answered=was_answered), [said("Hey Omi, is it late?", 5.0)], 6.0)

    assert len(heard.questions) == count


@pytest.mark.parametrize(
    ("options", "speaker", "after_s", "expected"),
    [
        (FOLLOWUP, "A", 8.0, ["And where?"]),
        (FOLLOWUP, "A", 8.1, []),
        (FOLLOWUP, "B", 1.0, []),
        (HearingOptions(), "A", 1.0, []),
    ],
)
def test_followup_of_the_asker_is_heard_for_some_seconds_after_the_reply(options, speaker, after_s, expected):
    asked = hear(SILENT, [said("Hey Omi, who is it?")], 1.0, options).state

    heard = hear(note_reply(asked, 20.0), [said("And where?", 25.0, speaker=speaker)], 20.0 + after_s, options)

    assert texts(heard) == expected


def test_one_reply_allows_one_followup():
    asked = hear(SILENT, [said("Hey Omi, who is it?")], 1.0, FOLLOWUP).state

    heard = hear(note_reply(asked, 2.0), [said("And where? And when?", 3.0)], 4.0, FOLLOWUP)

    assert texts(heard) == ["And where?"]


def test_every_sentence_that_asks_is_heard_when_always_listening():
    heard = hear(
        SILENT, [said("What is it? Nice. Hey Omi, where is it?"), said("Who is it?", speaker="B")], 1.0, ALWAYS
    )

    assert texts(heard) == ["What is it?", "where is it?", "Who is it?"]


@pytest.mark.parametrize(
    ("text", "options", "questions"),
    [
        ("hey omi what time is it hey omi where is he?", HearingOptions(), ["what time is it", "where is he?"]),
        ("hey omi what is the hey omi where is he?", HearingOptions(), ["where is he?"]),
        ("we went home hey omi where is he?", ALWAYS, ["where is he?"]),
    ],
)
def test_wake_phrase_ends_only_a_question_that_had_one_and_has_begun(text, options, questions):
    assert texts(hear(SILENT, [said(text)], 1.0, options)) == questions


@pytest.mark.parametrize("options", [FOLLOWUP, ALWAYS])
def test_question_that_needs_no_wake_phrase_goes_on_in_the_next_segment(options):
    asked = note_reply(hear(SILENT, [said("Hey Omi, who is it?")], 1.0, options).state, 2.0)

    state = hear(asked, [said("and where does", 3.0)], 4.0, options).state

    assert texts(hear(state, [said("he live?", 4.0)], 5.0, options)) == ["and where does he live?"]


def test_question_of_more_than_a_thousand_characters_ends_there():
    (question,) = hear(SILENT, [said("hey omi what" + "x" * 2_000)], 1.0).questions

    assert len(" " + question.text) == 1_000


def test_name_after_a_long_word_begins_no_sentence_when_only_the_end_is_kept():
    state = hear(SILENT, [said("x" * 80 + " Omi")], 1.0).state

    assert texts(hear(state, [said("what is up?", 1.0)], 2.0)) == []


def test_segment_of_which_nothing_is_kept_may_still_grow():
    last_words = said("we saw one two three four five six seven", 1.0)
    state = hear(SILENT, [said("and then", key="a"), last_words], 2.0).state

    heard = hear(state, [said("and then hey Omi, who is it?", key="a")], 3.0)

    assert texts(heard) == ["who is it?"]


def test_second_segment_of_a_question_keeps_its_blank_when_it_grows():
    state = hear(SILENT, [said("hey omi what is"), said("the", 1.0, key="b")], 2.0).state

    assert texts(hear(state, [said("the time?", 1.0, key="b")], 3.0)) == ["what is the time?"]


def test_segment_that_starts_with_the_last_one_continues_it():
    heard = hear(SILENT, [said("hey omi what is", 1.0), said("the time?", 1.0)], 2.0)

    assert texts(heard) == ["what is the time?"]


@pytest.mark.parametrize(("others", "count"), [(2, 0), (3, 1)])
def test_question_is_a_repetition_only_of_the_last_three(others, count):
    spoken = ["is it late", "who wrote Faust", "where does Anna live", "how far is the moon"][: others + 1]
    segments = [said(f"Hey Omi, {words}?", float(n)) for n, words in enumerate(spoken)]
    state = hear(SILENT, segments, 5.0).state

    assert len(hear(state, [said("Hey Omi, is it late?", 5.0)], 6.0).questions) == count


@pytest.mark.parametrize(("arrived_s", "questions"), [(20.0, ["who is it?"]), (20.1, [])])
def test_halves_of_a_wake_phrase_arrive_within_ten_seconds(arrived_s, questions):
    state = hear(SILENT, [said("Hi")], 10.0).state

    assert texts(hear(state, [said("Omie, who is it?", 1.0)], arrived_s)) == questions


def test_first_letter_of_a_greeting_is_kept_for_the_name():
    assert texts(hear(SILENT, [said("Hi"), said("Omi, who is it?", 1.0)], 2.0)) == ["who is it?"]


def test_chinese_name_over_two_segments_belongs_to_the_second():
    (question,) = hear(SILENT, [said("嘿奥", key="a"), said("米，现在几点？", 1.0, key="b")], 2.0).questions

    assert (question.text, question.segment_key) == ("现在几点？", "b")


def test_state_stays_small_whatever_is_said():
    state = SILENT
    for n in range(200):
        text = f"hey omi what about number {n} and then some more of it, which is in no way"
        state = hear(state, [said(text, n * 9.0, speaker=f"S{n % 50}")], n * 0.1).state

    assert _size(state) < 12_000


def test_whole_sentences_that_ask_nothing_leave_nothing():
    state = hear(SILENT, [said("We went to the market."), said("How was it?", speaker="B")], 1.0).state

    assert state.open_utterances == ()


def test_state_is_small_while_people_only_talk():
    state = SILENT
    for n in range(30):
        state = hear(state, [said(f"and then we went to the market {n}", n * 3.0, speaker=f"S{n % 3}")], n * 3.0).state

    assert _size(state) < 1_850


@pytest.mark.parametrize(
    "unit", ["hey omi ", "omi ", "hey ", "a. ", "? ", "said hey omi ", "omi, the new ", "hey omi what is", "thanks "]
)
@pytest.mark.parametrize("options", [HearingOptions(), ALWAYS])
def test_cost_of_a_long_text_is_bounded(unit, options):
    segment = said("hey omi " + unit * (1_000_000 // len(unit)))

    begun = process_time()
    hear(SILENT, [segment], 1.0, options)

    # 5 to 30 ms here; a cost that grew with the square of the length would take hours.
    assert process_time() - begun < 1.0


def test_no_utterance_is_open_after_all_deadlines():
    state = hear(SILENT, [said("hey omi what"), said("and then", speaker="B")], 1.0).state

    assert pause_over(state, math.inf).state.open_utterances == ()


def _size(value):
    """Return the bytes of a value and all it holds."""
    if isinstance(value, tuple):
        return sys.getsizeof(value) + sum(map(_size, value))
    fields = getattr(value, "__struct_fields__", ())
    return sys.getsizeof(value) + sum(_size(getattr(value, name)) for name in fields)


def test_question_without_wake_phrase_belongs_to_the_segment_of_its_first_word():
    pieces = (Piece("k1", "What is it?"), Piece("k2", " Who is it?"))

    found = parse_line(pieces, 0, LineRules(prepare(("omi",)), 100, without_wake=True, always=True)).found

    assert [(question.text, question.key) for question in found] == [("What is it?", "k1"), ("Who is it?", "k2")]


def test_words_that_are_kept_of_a_line_begin_with_its_first_letter():
    pieces = (Piece("k1", "omi is"), Piece("k2", " cool now"))

    assert parse_line(pieces, 0, LineRules(prepare(("omi",)), 100)).pieces == pieces
