"""The speech in a model's text: without reasoning and marks, as soon as it is known to be speech."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omi_actors.domain.answers.speech import Speech

ANSWER = "Tides turn twice a day."


def take(*pieces, is_whole=True, **options):
    """Return what each piece adds, what the end adds, and the speech."""
    speech = Speech(500, **options)
    return [speech.take(piece) for piece in pieces], speech.finish(is_whole=is_whole), speech.text


def shown(added, last):
    pieces = ["", *(piece for some in added for piece in some), *last]
    return "".join(pieces[len(pieces) - pieces[::-1].index("") :])


MIXED = st.lists(
    st.sampled_from(
        [
            *(
                "<think>",
                "</think>",
                "<|im_end|>",
                "<|channel|>",
                "<|message|>",
                "final",
                "analysis",
                "</s>",
                "<s>",
                "`",
            ),
            *(
                "<|start|>",
                "assistant",
                "<tool_call>",
                "</tool_call>",
                "The ",
                "user ",
                "a < b",
                "\n",
                "<",
                "|",
                "Tides. ",
            ),
        ]
    ),
    max_size=12,
).map("".join)


@given(MIXED, st.integers(1, 5))
def test_speech_is_the_same_however_the_text_is_cut(text, size):
    whole = take(text)[2]

    added, last, speech = take(*(text[at : at + size] for at in range(0, len(text), size)))

    assert speech == whole
    assert shown(added, last) == speech


def test_words_are_given_as_they_come():
    words = ["Tides ", "turn <b>", "twice</b>, ", "[a] ", "day."]

    added, last, _ = take(*words)

    assert added == [[word] for word in words]
    assert last == []


@pytest.mark.parametrize(
    ("pieces", "added"),
    [
        (["a ", "<", " b"], [["a "], [], ["< b"]]),
        (["a ", "<", "b", ">"], [["a "], [], [], ["<b>"]]),
        (["day.", "<|im", "_end|>"], [["day."], [], []]),
        (["day.", "</s>", " Then"], [["day."], [], ["</s>", " Then"]]),
        (["`<think>", "`"], [["`"], ["<think>", "`"]]),
        (["The ", "tide"], [[], ["The tide"]]),
        (["The ", "user ", "asks", "</think>", "Day."], [[], [], [], [], ["Day."]]),
        (["Well, ", "hm", "</think>", "Day."], [["Well, "], ["hm"], [""], ["Day."]]),
    ],
)
def test_only_what_may_be_a_mark_or_reasoning_is_held_back(pieces, added):
    assert take(*pieces)[0] == added


def test_text_that_begins_like_reasoning_is_given_at_its_end_when_it_was_none():
    added, last, speech = take("The user ", "guide says so.")

    assert (added, last, speech) == ([[], []], ["The user guide says so."], "The user guide says so.")


def test_text_that_begins_like_reasoning_is_none_of_the_answer_when_it_was_cut():
    assert take("The user ", "asks", is_whole=False)[1:] == ([], "")


def test_model_that_reasons_without_a_tag_is_held_back_to_its_end_tag_or_end():
    assert take("Tides? ", "</think>", ANSWER, is_withheld=True)[:2] == ([[], [], [ANSWER]], [])
    assert take("Tides ", "turn.", is_withheld=True)[:2] == ([[], []], ["Tides turn."])


def test_text_is_trusted_once_the_server_sends_reasoning_apart():
    speech = Speech(500, is_withheld=True)
    speech.trust()

    assert speech.take("The user ") == ["The user "]


def test_closing_tag_after_closed_reasoning_does_not_take_the_answer_away():
    added, last, speech = take("<think>Hm.</think>", ANSWER, "</think>")

    assert (shown(added, last), speech) == (ANSWER, ANSWER)


def test_limit_is_for_speech_only():
    speech = Speech(5)

    after = [
        (speech.take(text), speech.is_full)[1] for text in ("<think>" + "much " * 100 + "</think>Tides", " turn" * 20)
    ]

    assert after == [False, True]


def test_speech_is_over_once_the_model_has_ended_its_turn():
    speech = Speech(500)

    before = speech.take(f"<|im_end|>{ANSWER}"), speech.is_over
    after = speech.take("<|im_end|>"), speech.is_over, speech.take("<|im_start|>user\nMore?")

    assert before == ([ANSWER], False)
    assert after == ([], True, [])
