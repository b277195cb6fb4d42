"""The language of a few words, and what is said in it."""

from dataclasses import asdict

import pytest

from omi_actors.domain.answers.failures import explain_failure
from omi_actors.domain.answers.notifications import format_message
from omi_actors.domain.answers.sentences import SENTENCES
from omi_actors.domain.hearing.language import guess_language
from omi_actors.errors import (
    BudgetSpentError,
    LeaseLostError,
    UpstreamBusyError,
    UpstreamRejectedError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)

QUESTIONS = {
    "en": [
        "how far is the moon?",
        "What's the capital of Australia?",
        "tell me a joke",
        "who wrote Don Quijote de la Mancha?",
        "remind me to call Jörg at five",
        "is there rain tomorrow",
    ],
    "es": [
        "¿a qué distancia está la luna?",
        "qué hora es",
        "cuál es la capital de Australia",
        "recuérdame comprar leche mañana",
        "dime un chiste sobre los gatos",
        "cuántos días tiene un año",
    ],
    "de": [
        "wie weit ist der Mond entfernt?",
        "was ist die Hauptstadt von Australien",
        "wann fährt der nächste Zug nach Bonn",
        "erzähl mir einen Witz",
        "wie wird das Wetter heute",
        "warum ist der Himmel blau?",
    ],
    "fr": [
        "quelle est la capitale de l'Australie ?",
        "à quelle distance se trouve la lune ?",
        "raconte-moi une blague",
        "quel temps fait-il aujourd'hui",
        "comment dit-on bonjour en japonais",
        "pourquoi le ciel est bleu",
    ],
    "pt": [
        "qual é a capital da Austrália?",
        "a que distância está a lua do sol?",
        "que horas são",
        "me lembra de comprar leite amanhã",
        "quem escreveu os Lusíadas",
        "como está o tempo hoje em Lisboa",
    ],
    "it": [
        "qual è la capitale dell'Australia?",
        "quanto dista la luna dalla terra?",
        "raccontami una barzelletta",
        "che tempo fa oggi a Roma",
        "che ore sono",
        "chi ha scritto la Divina Commedia",
    ],
    "nl": [
        "hoe ver is de maan?",
        "wat is de hoofdstad van Australië",
        "vertel een grap",
        "wanneer gaat de volgende trein naar Utrecht",
        "wat voor weer wordt het vandaag",
        "waarom is het gras groen",
    ],
    "ru": [
        "как далеко до луны?",
        "какая столица Австралии",
        "расскажи анекдот",
        "сколько времени",
        "что такое iPhone",
    ],
    "ja": [
        "月までどのくらいですか",
        "オーストラリアの首都はどこ?",
        "今何時ですか",
        "東京都知事選挙の結果",
        "冗談を言って",
        "明日の天気を教えて",
    ],
    "zh": [
        "月亮有多远?",
        "澳大利亚的首都是哪里",
        "现在几点",
        "讲个笑话",
        "今天天气怎么样",
    ],
    "hi": [
        "चाँद कितना दूर है?",
        "ऑस्ट्रेलिया की राजधानी क्या है",
        "मुझे एक चुटकुला सुनाओ",
        "अभी कितने बजे हैं",
        "आज मौसम कैसा है",
    ],
    "ar": [
        "كم يبعد القمر؟",
        "ما هي عاصمة أستراليا",
        "احك لي نكتة",
        "كم الساعة الآن",
        "كيف الطقس اليوم",
    ],
}
FAILURES = [
    UpstreamRejectedError("x", code="invalid_api_key"),
    UpstreamRejectedError("x", code="insufficient_quota"),
    UpstreamRejectedError("x", code="model_not_found"),
    UpstreamRejectedError("x", code="wrong_address"),
    UpstreamRejectedError("x", code="thought_too_long"),
    UpstreamRejectedError("x", code="context_length_exceeded"),
    UpstreamRejectedError("x", code="something new"),
    UpstreamTimeoutError("x"),
    UpstreamBusyError("x"),
    UpstreamUnavailableError("x"),
    LeaseLostError("x"),
    *(BudgetSpentError("x", whose=whose, period=period) for whose in ("owner", "all") for period in ("minute", "day")),
]


@pytest.mark.parametrize(("language", "question"), [(code, text) for code, all_ in QUESTIONS.items() for text in all_])
def test_language_of_a_question_is_known(language, question):
    assert guess_language(question) == language


@pytest.mark.parametrize("text", ["", "   ", "42?", "Wikipedia", "!!!", "xyzzy plugh"])
def test_language_is_english_when_nothing_tells(text):
    assert guess_language(text) == "en"


def test_foreign_name_does_not_make_the_language():
    assert guess_language("who was Александр Пушкин, the Russian poet of the nineteenth century?") == "en"


@pytest.mark.parametrize("language", list(SENTENCES))
def test_every_failure_has_its_own_sentence_in_every_language(language):
    question = QUESTIONS[language][0]

    said = {explain_failure(error, question) for error in FAILURES}

    assert len(said) == len(FAILURES)
    assert {guess_language(sentence) for sentence in said} == {language}
    assert all(sentence.endswith((".", "。", "।")) for sentence in said)


@pytest.mark.parametrize("language", list(SENTENCES))
def test_no_sentence_of_a_language_is_forgotten_or_another_languages(language):
    own = asdict(SENTENCES[language])
    others = {text for code, row in SENTENCES.items() if code != language for text in asdict(row).values()}

    assert all(own.values())
    assert len(set(own.values())) == len(own)
    assert others.isdisjoint(own.values())


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("Canberra is the capital of Australia.", "Again: Canberra is the capital of Australia."),
        ("Der Mond ist 384.400 km entfernt.", "Noch einmal: Der Mond ist 384.400 km entfernt."),
        ("月までは約38万キロです。", "もう一度言います。月までは約38万キロです。"),
        ("384,400 km.", "Again: 384,400 km."),
    ],
)
def test_repeated_answer_says_so_in_its_own_language(answer, said):
    assert format_message(answer, is_repeated=True) == said
