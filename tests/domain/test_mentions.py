"""A name that is spoken about is no wake phrase; where its words cannot tell, the question is in doubt."""

import pytest

from omi_actors.domain.hearing.hearing import hear
from omi_actors.domain.hearing.mentions import Mention, judge_mention
from omi_actors.domain.hearing.state import SILENT, Doubt
from tests.domain.test_listening import said, texts

ABOUT = [
    "Hey, Omi told me the same.",
    "Hey Omi knows that already.",
    "Hey, Omi is what I bought.",
    "Hey, Omi is great, isn't it?",
    "Hey, Omi isn't listening.",
    "Oye, Omi me dijo lo mismo.",
    "Oye, Omi no está escuchando.",
    "Hallo, Omi hat mir das erzählt.",
    "Dis, Omi m'a dit la même chose.",
    "Olá, Omi tem me ajudado muito.",
    "Ehi, Omi mi ha detto la stessa cosa.",
    "Hoi, Omi zei precies hetzelfde.",
    "Слушай, Оми мне вчера сказал то же самое.",
    "अरे, ओमी ने कल यही कहा था।",
    "اسمع، أومي قال لي الشيء نفسه.",
    "ねえ、オミが昨日言ってたよ。",
    "嘿，Omi昨天也是这么跟我说的。",
]
TO = [
    "Hey, Omi is it raining?",
    "Hey Omi is the library open on Sunday?",
    "Hey, Omi what is the time",
    "Hey Omi, told you so.",
    "Hi Omi I told you my name.",
    "Oye Omi, me dijo que viene.",
    "Hallo Omi ist es kalt?",
    "Oye Omi ¿es tarde?",
    "हे ओमी क्या बारिश होगी?",
    "你好Omi，是我。",
    "嘿Omi我到家了。",
    "嘿Omi不要忘记买牛奶",
    "嘿Omi说个笑话",
    "Hallo Omi muss morgen früh raus.",
    "Dis Omi en fait annule.",
    "يا أومي لا أجد المفتاح.",
    "हे ओमी मैं घर पर हूँ।",
    "हे ओमी तो बताओ कितने बजे हैं।",
    "嘿Omi能不能放首歌",
    "嘿Omi记一下明天开会。",
    "Dis Omi mets un minuteur",
    "Salut, Omi nous avons bien mangé.",
    "Hoi Omi ik ben thuis.",
    "Oi, Omi a receita leva dois ovos.",
    "ねえオミ、もう一度言って。",
]
# The same words may be a statement about Omi; or a question, a command or a statement to it, whose mark or subject is
# left out.
EITHER = [
    "Hey Omi had a great day today.",
    "Oye Omi graba esto.",
    "Hola, Omi ha sido una gran ayuda.",
    "嘿，Omi奶奶的菜谱要放两个鸡蛋。",
    "嘿Omi会下雨吗？",
    "hey omi is the best thing in this house.",
    "Hola Omi fue un día muy largo.",
    "ねえオミは何ができるの？",
]


@pytest.mark.parametrize("text", ABOUT)
def test_name_that_is_the_subject_of_its_sentence_wakes_nobody(text):
    heard = hear(SILENT, [said(text)], 1.0)

    assert (texts(heard), heard.deadline) == ([], None)


@pytest.mark.parametrize("text", TO)
def test_name_before_a_question_or_a_pause_wakes_without_doubt(text):
    heard = hear(SILENT, [said(text)], 1.0)

    assert heard.deadline is not None or [one.doubt for one in heard.questions] == [Doubt.NONE]


@pytest.mark.parametrize("text", EITHER)
def test_words_that_cannot_tell_make_a_question_in_doubt(text):
    heard = hear(SILENT, [said(text)], 1.0)

    found = [one.question for one in heard.state.open_utterances if one.question is not None]
    assert [one.doubt for one in heard.questions] == [Doubt.MENTIONED] or [one.may_be_mention for one in found] == [
        True
    ]


def test_name_is_spoken_about_when_the_next_segment_says_so():
    begun = hear(SILENT, [said("Hey, Omi", 1.0)], 1.0)

    heard = hear(begun.state, [said("told me the same thing yesterday.", 1.8, key="k2")], 2.5)

    assert begun.deadline is not None
    assert (texts(heard), heard.deadline) == ([], None)


def test_tag_at_the_end_of_a_tale_makes_no_question_of_it():
    assert judge_mention(" is right, isn't it?", is_apart=False) is Mention.YES
    assert judge_mention(" was it right?", is_apart=False) is Mention.NO
