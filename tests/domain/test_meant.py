"""Speech without a wake phrase is a question only if its words and its moment say that it is meant."""

import math

import pytest
from msgspec.structs import replace

from omi_actors.domain.answers.prompt import Asking, build_prompt
from omi_actors.domain.answers.silence import NOT_FOR_ME, is_silence
from omi_actors.domain.hearing.hearing import hear, note_answer, note_not_meant, note_reply, pause_over
from omi_actors.domain.hearing.meant import FOLLOWING, Moment, find_topic, is_meant
from omi_actors.domain.hearing.state import SILENT, Doubt, HearingOptions, ListenMode
from tests.domain.test_listening import said, texts

FOLLOWUP = HearingOptions(mode=ListenMode.FOLLOWUP)
ALWAYS = HearingOptions(mode=ListenMode.ALWAYS)
# language, a follow-up, words to a person
PAIRS = [
    ("en", "And in Fahrenheit?", "Did you feed the cat?"),
    ("en", "Make it twelve.", "Don't touch that, it's hot."),
    ("en", "Can you repeat that?", "Can you hold this for me?"),
    ("en", "Why is it sour?", "Mum, why is it sour?"),
    ("en", "Can you tell me the time?", "Can you tell me what you think?"),
    ("de", "Und am Sonntag?", "Hast du Hunger?"),
    ("de", "Kannst du das langsamer sagen?", "Was haben Sie gestern gemacht?"),
    ("es", "¿Y en libras?", "¿Me pasas la sal?"),
    ("es", "Cancélalo.", "¿Pedimos una pizza?"),
    ("fr", "Et à vélo ?", "T'as faim ?"),
    ("fr", "Répète, s'il te plaît.", "On commande une pizza ?"),
    ("it", "E in sterline?", "Hai fame?"),
    ("pt", "E no domingo?", "Você viu a minha chave?"),
    ("nl", "En in ponden?", "Heb je honger?"),
    ("ru", "И в воскресенье?", "Ты поел?"),
    ("hi", "और कल?", "तुमने खाना खाया?"),
    ("ar", "ومتى مات؟", "هل أنت جائع؟"),
    ("ja", "もう一度言って？", "あなたはどう思う？"),
    ("zh", "明天呢？", "你吃饭了吗？"),
]


@pytest.mark.parametrize(("language", "followup", "talk"), PAIRS)
def test_followup_is_meant_and_words_to_a_person_are_not(language, followup, talk):
    moment = Moment(2.0, frozenset(), language)

    assert is_meant(followup, moment, FOLLOWING)
    assert not is_meant(talk, moment, FOLLOWING)


@pytest.mark.parametrize(
    "text", ["", "...", "I see.", "We were there last year.", "Tom, is it far?", "Is it far, Tom?"]
)
def test_words_that_ask_nothing_or_call_somebody_are_not_meant(text):
    assert not is_meant(text, Moment(2.0), FOLLOWING)


@pytest.mark.parametrize(
    "text",
    [
        "What other factors led to a breakdown of trade in those days?",
        "Tell me about the index. How is it used?",
        "gibt es einen film dazu",
    ],
)
def test_whole_question_alone_a_command_before_it_and_one_without_marks_are_meant(text):
    assert is_meant(text, Moment(2.0, language="de" if text.startswith("gibt") else "en"), FOLLOWING)


def test_words_of_the_last_answer_make_up_for_other_cues():
    text = "The lifts close at the old harbour on Monday?"

    assert not is_meant(text, Moment(2.0), FOLLOWING)
    assert is_meant(text, Moment(2.0, find_topic("The northern line has 50 stations at the harbour.")), FOLLOWING)


def answered(options=FOLLOWUP):
    asked = hear(SILENT, [said("Hey Omi, how do I make pancakes?")], 1.0, options).state
    return note_reply(note_answer(asked, "Mix flour, two eggs and milk, then fry them in butter."), 2.0)


def test_talk_in_the_window_is_left_alone_and_counted_and_a_followup_after_it_is_heard():
    talk = hear(answered(), [said("Did you feed the cat?", 3.0)], 4.0, FOLLOWUP)

    assert (texts(talk), talk.not_meant) == ([], 1)
    assert texts(hear(talk.state, [said("Which butter?", 5.0)], 6.0, FOLLOWUP)) == ["Which butter?"]
    assert texts(hear(talk.state, [said("Which butter?", 9.5)], 10.1, FOLLOWUP)) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Is the pan hot? Thanks. And which butter?", ["Is the pan hot?"]),
        ("Is the pan hot? I burned my hand yesterday.", []),
        ("Is the pan hot? Did you turn it off?", []),
    ],
)
def test_words_behind_a_question_show_that_it_is_part_of_talk(text, expected):
    assert texts(hear(answered(), [said(text, 3.0)], 4.0, FOLLOWUP)) == expected


def test_statement_is_left_alone_when_its_pause_is_over():
    state = hear(answered(), [said("we were there with the kids", 3.0)], 4.0, FOLLOWUP).state

    ended = pause_over(state, 20.0, FOLLOWUP)

    assert (texts(ended), ended.not_meant, ended.state.open_utterances) == ([], 1, ())


@pytest.mark.parametrize(("is_user", "expected"), [(True, ["Is the pan hot?"]), (False, [])])
def test_doubtful_words_of_another_voice_are_left_alone_after_the_wearers_question(is_user, expected):
    spoken = replace(said("Is the pan hot?", 3.0, key="k2"), is_user=is_user)

    assert texts(hear(answered(), [spoken], 4.0, FOLLOWUP)) == expected


@pytest.mark.parametrize(("others", "expected"), [((), ["Is the pan hot?"]), ((said("Nice.", 3.0, speaker="B"),), [])])
def test_doubtful_words_are_left_alone_once_another_person_has_spoken(others, expected):
    heard = hear(answered(), [*others, said("Is the pan hot?", 4.0, key="k2")], 5.0, FOLLOWUP)

    assert texts(heard) == expected


def test_question_that_was_not_meant_opens_no_window_and_may_be_asked_by_name_at_once():
    asked = hear(answered(), [said("Is the pan hot?", 3.0)], 4.0, FOLLOWUP)
    assert [question.without_wake for question in asked.questions] == [True]

    state = note_not_meant(asked.state)

    assert state.replied_at == -math.inf
    assert texts(hear(state, [said("And which butter?", 5.0, key="k2")], 6.0, FOLLOWUP)) == []
    (again,) = hear(state, [said("Hey Omi, is the pan hot?", 5.0, key="k2")], 6.0, FOLLOWUP).questions
    assert not again.without_wake


def test_always_hears_questions_and_leaves_talk_alone():
    spoken = ["Where is the key of the shed?", "Are you hungry?", "We went home.", "Omi, are you hungry?"]
    heard = hear(SILENT, [said(text, 3.0 * n, key=f"k{n}") for n, text in enumerate(spoken)], 12.0, ALWAYS)

    assert texts(heard) == ["Where is the key of the shed?", "are you hungry?"]


def test_trigger_keeps_no_words_of_answers():
    assert answered(HearingOptions()).moment is None


@pytest.mark.parametrize(
    "text",
    [
        NOT_FOR_ME,
        "not_for_me",
        ' "NOT_FOR_ME". ',
        "**NOT_FOR_ME**",
        "`Not for me`",
        "NOT\\_FOR\\_ME",
        "not-for-me!",
        "[NOT_FOR_ME]",
        "NOT_FOR_ME They talk about dinner.",
        "I think: NOT_FOR_ME",
    ],
)
def test_answer_with_the_token_is_silence(text):
    assert is_silence(text)


@pytest.mark.parametrize("text", ["", "Not for me to say, but it is late.", "That is not for me.", "It is for me."])
def test_answer_without_the_token_is_none(text):
    assert not is_silence(text)


def test_only_questions_in_doubt_tell_the_model_of_the_token():
    plain, unnamed, mentioned = (build_prompt("Is it?", (), (), asking=Asking(doubt=doubt)) for doubt in Doubt)

    assert NOT_FOR_ME not in plain.messages[0].text
    assert "without your name" in unnamed.messages[0].text
    assert "after your name" in mentioned.messages[0].text
    assert NOT_FOR_ME in unnamed.messages[0].text
    assert NOT_FOR_ME in mentioned.messages[0].text


@pytest.mark.parametrize(
    ("text", "doubt"),
    [("And which butter is it?", Doubt.NONE), ("Am I free on Thursday?", Doubt.UNNAMED)],
)
def test_clear_followup_does_not_ask_the_model_if_it_is_meant(text, doubt):
    (asked,) = hear(answered(), [said(text, 3.0)], 4.0, FOLLOWUP).questions

    assert asked.doubt is doubt
