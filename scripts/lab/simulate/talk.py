"""Sentences in several languages: questions to the wearable, mentions of it, and small talk.

The sentences are like real speech, not easy ones. The judge knows the questions; the server must find them.
Not here: cutting and sending (kinds.py). Threads: any; pure.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tongue:
    """Sentences of one language. Each of the `questions`, which have no mark at the end, fits each of the `wakes`.

    `|` marks a place where speech may be cut. In languages with blanks, every blank is such a place, too. `mark` ends a
    question.
    """

    name: str
    wakes: tuple[str, ...]
    questions: tuple[str, ...]
    remarks: tuple[str, ...]
    mentions: tuple[str, ...]
    interjections: tuple[str, ...]
    joint: str = " "
    mark: str = "?"


TONGUES = (
    Tongue(
        name="en",
        wakes=("Hey Omi,", "Hey, Omi.", "Okay Omi,", "Hi Omi,", "Hello Omi,"),
        questions=(
            "what's the weather like tomorrow",
            "how tall is the Eiffel Tower",
            "when does the library close on Sundays",
            "what is the capital of New Zealand",
            "who wrote the Brothers Karamazov",
            "how long do I have to boil an egg",
            "how many ounces are in a pound",
            "why is the sky red in the evening",
            "where was Marie Curie born",
            "can you tell me how far the moon is",
            "which planet has the most moons",
            "what did we say about the kitchen",
            "is there a train to Leeds after ten",
            "how do you spell rhythm",
        ),
        remarks=(
            "I think the garden needs more water.",
            "They said it will be ready on Monday.",
            "Did you see the match last night?",
            "No, I was in bed by nine.",
            "We agreed on the blue one, didn't we?",
            "She wrote to the landlord twice already.",
            "Pass me the salt, please.",
            "It was much cheaper last year.",
            "What time is it, Naomi?",
            "He promised to call back.",
        ),
        mentions=(
            "I bought an Omi yesterday.",
            "He said hey Omi is cool.",
            "My Omi was charging all night.",
            "You just say hey Omi and it wakes up.",
            "The Omi is quite light, isn't it?",
            "They, oh my, economics is not for me.",
            "Omi is the one with the little light.",
            "Have you heard of Omi?",
        ),
        interjections=("Mhm.", "Right.", "Wait.", "Oh, nice."),
    ),
    Tongue(
        name="de",
        wakes=("Hey Omi,", "Hallo Omi,", "Okay Omi,"),
        questions=(
            "wie hoch ist die Zugspitze",
            "wann macht der Bäcker morgen auf",
            "was kostet eine Fahrkarte nach Bonn",
            "wer hat die Zauberflöte geschrieben",
            "wie lange muss Reis kochen",
            "warum ist der Himmel blau",
            "wo liegt eigentlich Timbuktu",
        ),
        remarks=(
            "Ich glaube, das reicht für heute.",
            "Hast du den Schlüssel gesehen?",
            "Nein, der liegt bestimmt im Auto.",
            "Wir treffen uns um acht am Bahnhof.",
            "Das war letztes Jahr viel billiger.",
            "Meine Schwester kommt am Freitag.",
        ),
        mentions=(
            "Ich habe mir gestern einen Omi gekauft.",
            "Er sagte hey Omi ist cool.",
            "Meine Omi kommt aus Kiel.",
            "Der Omi ist ziemlich leicht, oder?",
        ),
        interjections=("Mhm.", "Ja, ja.", "Moment."),
    ),
    Tongue(
        name="fr",
        wakes=("Salut Omi,", "Dis Omi,", "Hey Omi,"),
        questions=(
            "quelle est la capitale du Canada",
            "à quelle heure ferme la pharmacie",
            "combien mesure la tour Eiffel",
            "qui a peint la Joconde",
            "quand commence le printemps",
            "pourquoi la mer est salée",
        ),
        remarks=(
            "Je crois qu'il va pleuvoir.",
            "Tu as vu mes lunettes ?",
            "On se retrouve devant le cinéma.",
            "C'était moins cher l'année dernière.",
            "Ma sœur arrive vendredi.",
        ),
        mentions=("J'ai acheté un Omi hier.", "Il a dit salut Omi pour rire.", "Mon Omi est déchargé."),
        interjections=("Oui, oui.", "Attends."),
        # French has a blank before the mark, where nothing may be cut.
        mark="\u00a0?",
    ),
    Tongue(
        name="es",
        wakes=("Oye Omi,", "Hola Omi,", "Hey Omi,"),
        questions=(
            "cuál es la capital de Bolivia",
            "a qué hora cierra el museo",
            "cuánto mide el Teide",
            "quién pintó el Guernica",
            "dónde nació Cervantes",
            "cuándo empieza el verano",
        ),
        remarks=(
            "Creo que mañana va a llover.",
            "¿Has visto mis llaves?",
            "Quedamos a las ocho en la plaza.",
            "El año pasado era más barato.",
            "Mi hermana llega el viernes.",
        ),
        mentions=("Ayer me compré un Omi.", "Dijo oye Omi y nos reímos.", "Mi Omi está sin batería."),
        interjections=("Sí, sí.", "Espera."),
    ),
    Tongue(
        name="ru",
        wakes=("Привет, Оми,", "Эй, Оми,", "Слушай, Оми,"),
        questions=(
            "какая столица Перу",
            "во сколько закрывается музей",
            "сколько дней в феврале",
            "кто написал Войну и мир",
            "почему небо голубое",
            "где родился Гагарин",
        ),
        remarks=(
            "Кажется, завтра будет дождь.",
            "Ты не видел мои ключи?",
            "Встретимся в восемь у метро.",
            "В прошлом году было дешевле.",
            "Сестра приезжает в пятницу.",
        ),
        mentions=("Я вчера купил Оми.", "Он сказал привет Оми и засмеялся.", "Мой Оми разрядился."),
        interjections=("Да, да.", "Ага."),
    ),
    Tongue(
        name="ja",
        wakes=("ねえオミ、", "ヘイ、|オミ、"),
        questions=(
            "今|何時ですか",
            "明日の|天気は|どうですか",
            "富士山の|高さは|どれくらいですか",
            "銀行は|何時に|閉まりますか",
            "卵は|何分|ゆでればいいですか",
        ),
        remarks=(
            "今日は本当に暑いね。",
            "鍵を見なかった？",
            "駅の前で八時に会おう。",
            "去年はもっと安かったよ。",
        ),
        mentions=("昨日オミを買ったんだ。", "彼は「ねえオミ」と言った。"),
        interjections=("うん。", "なるほど。"),
        joint="",
        mark="？",
    ),
)
