"""Questions heard whole: other people interrupt, segments grow, a webhook was held up, a statement comes first."""

import pytest

from omi_actors.domain.hearing.going_on import adds_to, is_for_others
from omi_actors.domain.hearing.hearing import end_by_words, hear, note_reply, pause_over
from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.hearing.state import SILENT, Question


def said(text, start_s=0.0, *, end_s=None, key="", speaker="A"):
    end_s = start_s + 1.0 if end_s is None else end_s
    return StoredSegment(key or f"{text}@{start_s}", 1, "c", text, speaker, None, True, None, start_s, end_s, 0.0)


def listen(*webhooks):
    """Return the questions of webhooks, each with its time of arrival; their pauses end in between, as by a timer."""
    state, found = SILENT, list[Question]()
    for at_s, *segments in webhooks:
        found += pause_over(state, at_s - 0.001).questions
        heard = end_by_words(hear(pause_over(state, at_s - 0.001).state, segments, at_s), at_s)
        state, found = heard.state, [*found, *heard.questions]
    return [question.text for question in [*found, *pause_over(state, 1e9).questions]]


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("Yes, one second.", "remind me to buy"),
        ("Dad, are you coming?", "how"),
        ("are you coming?", "where is"),
        ("why are you laughing?", "what"),
        ("Oh, great, thanks Dan.", "what time does the"),
        ("no thanks you have it", "how many calories are in a"),
        ("Look under your bed, Tom.", "what is the capital of"),
        ("Ja ja, ich weiß.", "stell einen Timer auf"),
        ("It's on the table.", "what is the capital of"),
        ("Come here and sit down.", "how far is it to the"),
        ("really that's cheap", "how much is a ticket to"),
        ("Er ist im Garten.", "wie hoch ist der"),
        ("Ven aquí.", "¿cuánto mide la"),
        ("On a déjà mangé.", "combien coûte un"),
        ("¿De verdad? Qué barato.", "¿cuánto cuesta un billete a"),
        ("C'est vrai ? Merci.", "combien coûte un billet pour"),
        ("Конечно, давай.", "какая погода будет в"),
        ("हाँ, मुझे पता है।", "बारह मिनट का"),
        ("مع القلادة يا ليلى.", "أين أشتري حذاء في"),
        ("うん、わかってる。", "タイマーを"),
        ("好的，走吧。", "帮我找一个"),
    ],
)
def test_words_that_answer_others_do_not_go_on_with_the_question(text, question):
    assert is_for_others(text, question)


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("stamps and a padded envelope.", "remind me to buy"),
        ("do you spell rhythm?", "how"),
        ("you tell me the time?", "can"),
        ("your name?", "what is"),
        ("schreibst du Rhythmus?", "wie"),
        ("good running shoes in Leeds?", "where can I buy"),
        ("Paris, France?", "what is the weather like in"),
        ("bring the bags on Friday.", "remind me to"),
        ("we will be late", "tell my sister that"),
        ("here and now festival?", "when is the"),
        ("my mom and dad that we are late", "send a message to"),
        ("no school tomorrow", "remind me that there is"),
        ("buenas zapatillas en León?", "¿dónde puedo comprar"),
        ("was kostet das", "sag mir"),
        ("本当の名前は？", "その俳優の"),
    ],
)
def test_words_that_were_missing_go_on_with_the_question(text, question):
    assert not is_for_others(text, question)


@pytest.mark.parametrize(
    ("text", "is_added"),
    [
        ("and stamps", True),
        ("und zwei Zitronen", True),
        ("and where is my coat", False),
        ("stamps", False),
        ("and", False),
    ],
)
def test_few_words_after_a_conjunction_add_to_a_whole_request(text, is_added):
    assert adds_to(text) is is_added


def test_question_goes_on_after_words_of_others_however_long():
    first = said("Hey Omi, remind me to buy", 1.0)
    others = said("Batteries!", 2.2, speaker="B"), said("And do not forget the lamp, it is dark.", 3.3, speaker="C")

    asked = listen((2.5, first), (3.7, others[0]), (4.8, others[1]), (7.0, said("stamps and an envelope.", 5.0)))

    assert asked == ["remind me to buy stamps and an envelope."]


def test_silence_after_the_words_of_others_ends_the_question():
    asked = listen(
        (2.5, said("Hey Omi, remind me to buy", 1.0)),
        (3.5, said("Batteries!", 2.2, speaker="B")),
        (9.5, said("The stamps are here.", 7.0)),
    )

    assert asked == ["remind me to buy"]


def test_asker_who_answers_others_first_goes_on_afterwards():
    asked = listen(
        (2.5, said("Hey Omi, set a timer for", 1.0)),
        (3.7, said("Don't forget the oven.", 2.2, speaker="B")),
        (4.8, said("I know, I know.", 3.3)),
        (6.0, said("twelve minutes?", 4.5)),
    )

    assert asked == ["set a timer for twelve minutes?"]


def test_words_of_the_asker_to_others_are_no_part_of_a_whole_question():
    segments = said("hey omi who painted the night watch", 1.0), said("Rembrandt.", 2.1, speaker="B")

    assert listen((5.0, *segments, said("You always know everything.", 3.2))) == ["who painted the night watch"]


def test_asker_adds_to_a_whole_request_after_words_of_others_in_the_same_webhook():
    segments = said("hey omi add milk to my list", 1.0), said("batteries", 2.1, speaker="B"), said("and stamps", 3.2)

    assert listen((5.0, *segments)) == ["add milk to my list and stamps"]


def test_request_is_not_whole_without_its_object_even_before_a_full_stop():
    asked = listen((2.5, said("Hey Omi, remind me to buy.", 1.0)), (4.0, said("stamps.", 2.5)))

    assert asked == ["remind me to buy stamps."]
    assert listen((2.5, said("Hey Omi, tell me what to buy.", 1.0))) == ["tell me what to buy."]


@pytest.mark.parametrize("key", ["", "s9"])
def test_segment_that_grows_under_another_key_gives_its_question_once(key):
    asked = listen(
        (2.0, said("Hey Omi, what is the", 1.0, end_s=1.5)),
        (3.0, said("Hey Omi, what is the weather", 1.0, end_s=2.5)),
        (4.0, said("Hey Omi, what is the weather in Rome?", 1.0, end_s=3.5, key=key)),
        (5.0, said("Hey Omi, what is the weather in Rome? I mean now.", 1.0, end_s=4.5, key=key and "s10")),
    )

    assert asked == ["what is the weather in Rome?"]


def test_later_part_of_a_question_grows_under_another_key():
    asked = listen(
        (2.0, said("Hey Omi, what is", 1.0, end_s=1.5)),
        (3.0, said("the capital", 1.6, end_s=2.4)),
        (4.0, said("the capital of Peru?", 1.6, end_s=3.2)),
    )

    assert asked == ["what is the capital of Peru?"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("hey omi what time is it hey omi what time is it in Rome?", ["what time is it in Rome?"]),
        ("hey omi what time is it hey omi play jazz.", ["what time is it", "play jazz."]),
        ("hey omi set a timer for hey omi what time is it?", ["what time is it?"]),
    ],
)
def test_question_that_its_speaker_begins_anew_is_asked_once(words, expected):
    assert listen((5.0, said(words, 1.0))) == expected


@pytest.mark.parametrize(
    ("first", "then", "expected"),
    [
        ("hey omi what is hey omi", "team it?", ["what is hey omi team it?"]),
        ("hey omi what is it hey omi said", "it?", ["what is it", "said it?"]),
        ("hey omi what is it hey omi", "play some jazz.", ["what is it", "play some jazz."]),
    ],
)
def test_wake_phrase_that_interrupts_a_question_is_the_same_however_the_words_are_cut(first, then, expected):
    assert listen((5.0, said(f"{first} {then}", 1.0))) == expected
    assert listen((2.5, said(first, 1.0)), (3.2, said(then, 2.0))) == expected


def test_wake_phrase_after_a_question_that_a_pause_ends_is_kept():
    asked = listen((2.5, said("hey omi what time is it hey omi", 1.0)), (5.5, said("play some jazz.", 3.5)))

    assert asked == ["what time is it", "play some jazz."]


def test_unfinished_question_at_the_end_of_a_webhook_that_was_held_up_waits_longer():
    talk = [said(f"We went to the market {n}.", n, speaker="AB"[n % 2]) for n in range(8)]
    half, rest = said("Hey Omi, how long does it take to", 9.0), said("Turin?", 10.2)

    assert listen((10.5, *talk, half), (15.5, rest)) == ["how long does it take to Turin?"]
    assert end_by_words(hear(SILENT, [half], 10.5), 10.5).deadline == pytest.approx(12.98)
    assert end_by_words(hear(SILENT, [*talk, half], 10.5), 10.5).deadline == pytest.approx(18.5)


def test_unfinished_question_within_a_webhook_that_was_held_up_is_over_by_the_times_of_its_segments():
    half = said("Hey Omi, how long does it take to", 1.0)
    talk = [said(f"We went to the market {n}.", 2.0 + n, speaker="BC"[n % 2]) for n in range(12)]

    heard = end_by_words(hear(SILENT, [half, *talk], 20.0), 20.0)

    assert [question.text for question in heard.questions] == ["how long does it take to"]


def test_question_that_a_pause_ended_before_its_rest_arrived_is_asked_whole():
    half, rest = said("Hey Omi, how long does it take to", 1.0), said("drive to Turin?", 2.3)

    assert listen((2.5, half), (17.0, rest)) == ["how long does it take to", "how long does it take to drive to Turin?"]


@pytest.mark.parametrize("key", ["s1", "s2", ""])
def test_segment_that_grows_after_a_pause_ended_its_question_is_asked_whole(key):
    half = said("Hey Omi, how long does it take to", 1.0, key="s1")
    whole = said("Hey Omi, how long does it take to drive to Turin?", 1.0, end_s=3.5, key=key)

    assert listen((2.5, half), (7.0, whole)) == [
        "how long does it take to",
        "how long does it take to drive to Turin?",
    ]


def test_rest_of_a_question_that_arrives_long_after_is_not_joined():
    half, rest = said("Hey Omi, how long does it take to", 1.0), said("drive to Turin?", 2.3)

    assert listen((2.5, half), (70.0, rest)) == ["how long does it take to"]


@pytest.mark.parametrize(
    ("next_words", "start_s", "speaker", "expected"),
    [
        ("What is the capital of France?", 2.7, "A", ["What is the capital of France?"]),
        ("Tell me a joke.", 2.7, "A", ["Tell me a joke."]),
        ("What is the capital of France?", 5.0, "A", []),
        ("What is the capital of France?", 2.7, "B", []),
        ("Did you like the fish?", 2.7, "A", []),
        ("We are going home now.", 2.7, "A", []),
    ],
)
def test_question_soon_after_a_statement_needs_no_wake_phrase(next_words, start_s, speaker, expected):
    told = said("Hey Omi, my name is Mara.", 1.0)

    asked = listen((2.5, told), (start_s + 1.5, said(next_words, start_s, speaker=speaker)))

    assert asked == ["my name is Mara.", *expected]


def test_only_the_next_words_after_a_statement_need_no_wake_phrase():
    told, talk = said("Hey Omi, my name is Mara.", 1.0), said("Nice.", 2.1, speaker="B")

    asked = listen((2.5, told), (3.5, talk), (4.5, said("What is the capital of France?", 3.2)))

    assert asked == ["my name is Mara."]


@pytest.mark.parametrize(("words", "count"), [("What is the capital of France?", 1), ("هل تعطيني الملح يا جمال؟", 0)])
def test_reply_to_the_statement_changes_nothing(words, count):
    heard = end_by_words(hear(SILENT, [said("Hey Omi, my name is Mara.", 1.0)], 2.5), 2.5)

    asked = hear(note_reply(heard.state, 2.6), [said(words, 2.7)], 4.0).questions

    assert len(asked) == count


def test_question_after_a_statement_is_marked_as_one_without_wake_phrase():
    heard = end_by_words(hear(SILENT, [said("Hey Omi, my name is Mara.", 1.0)], 2.5), 2.5)

    asked = hear(heard.state, [said("What is the capital of France?", 2.7)], 4.0).questions

    assert [question.without_wake for question in asked] == [True]
