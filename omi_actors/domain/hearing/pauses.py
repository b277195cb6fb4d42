"""Pauses: how long a silence must be to end a question, decided by the words before it.

The words are of twelve languages. All languages apply at once, since people mix them.
Not here: ends without a pause (question_end.py), the deadlines made of the pauses (utterances.py). Threads: any; pure.
"""

import re
from enum import Enum

from omi_actors.domain.hearing import phrases
from omi_actors.domain.hearing.phrases import words_in, words_of
from omi_actors.domain.hearing.question_end import has_hardly_begun, is_complete, is_dangling

# Characters read at the end of a question, and the words at its beginning that say what it is.
_EDGE_CHARS = 160


class Ending(Enum):
    """The end of an open question by its latest words, with the share of the usual pause that they need.

    OVER: a whole statement ("my name is Mara."). COMPLETE: it asks or commands, and nothing is missing. OPEN: it cannot
    be told. UNFINISHED: another word must follow, or a question after words that only announce it.
    """

    OVER = 0.0
    COMPLETE = 0.5
    OPEN = 1.0
    UNFINISHED = 1.55


# Conjunctions, articles, prepositions, possessives, after which another word follows. Those that often end a sentence
# in one of the languages are left out: "turn it on", German "mach das Licht an", Dutch "doe het licht uit".
_TRAILING = words_of(
    "of|the|a|an|to|and|or|but|my|your|our|their|his|as|if|because|than|with|for|in|at|by|into|between|without|during",
    "every|each|very|what's|who's|where's|how's|when's|i|whether|let's|please",
    "de|del|la|el|los|las|un|una|y|e|o|en|por|para|mi|mis|tu|tus|su|sus|que|con|sin|sobre|entre|hasta|desde|pero|al",
    "porque|si|cada|muy|este|esta",
    "der|des|dem|den|die|ein|eine|einen|einem|einer|und|oder|aber|von|vom|im|am|zum|zur|beim|für|bei|mein|meine|meinen",
    "meinem|dein|deine|über|unter|durch|gegen|ohne|dass|weil|wenn|ob|als|zwischen|sehr|jeden|jede",
    "du|le|les|une|et|ou|où|au|aux|à|dans|sur|pour|avec|chez|par|sans|sous|mon|ma|mes|ton|ta|tes|ce|cette|ces|mais|car",
    "parce|très|chaque|d'|l'",
    "da|das|dos|um|uma|em|na|nas|com|meu|minha|meus|minhas|seu|sua|os|as|ao|pelo|pela|sem|até|mas|se|cada|muito",
    "di|della|dello|dei|delle|il|lo|gli|uno|ed|per|mio|mia|ma|che|dal|dalla|nel|nella|sul|sulla|tra|fra|senza|alla|ai",
    "een|mijn|jouw|de|het|en|of|van|voor|met|naar|tussen|zonder|maar|omdat|dat|te|om|elke|heel",
    "в|во|на|с|со|и|или|а|но|из|от|до|по|о|об|для|к|ко|у|за|под|над|без|через|при|про|если|чтобы|потому|мой|моя|моей|мою",
    "का|की|के|में|से|को|और|या|पर|ने|कि|अगर|मेरा|मेरी|मेरे|एक|लेकिन",
    "في|من|إلى|الى|على|عن|مع|أو|و|ثم|لأن|إذا|أن|بعد|قبل|بين|حتى|بدون|لكن|كل",
)
_TRAILING_UNSPACED = (
    *("は", "が", "を", "に", "で", "と", "も", "へ", "から", "まで", "けど", "や", "えっと", "あの", "、", "，"),
    *("的", "和", "跟", "在", "把", "给", "從", "从", "到", "或", "或者", "因为", "如果", "是", "我", "请", "一个"),
)
# Verbs that wait for their subject after a question word, as in "how tall is", and after another word do not.
_COPULAS = words_of(
    "is|are|was|were|does|do|did|will|can|could|should|would|has|have",
    "es|son|está|están|era|fue|ist|sind|war|hat|kann|est|sont|é|são|è|sono|heet|zijn|هو|هي|è",
)
_SUBJECTS = words_of(phrases.PRONOUNS, "this|that|these|those|es|er|sie|il|elle|ça|het|dat|dit|hij")
_QUESTION_WORDS = words_of(*phrases.QUESTION_WORDS)
_COMMANDS = words_of(*phrases.COMMANDS)
# Verbs of a reminder that need an object after them; languages with the verb last have none.
_NEEDS_OBJECT = words_of(
    "buy|get|call|send|bring|text|order|take|pick|book|email",
    "comprar|llamar|enviar|llevar|ligar|acheter|appeler|envoyer|comprare|chiamare|mandare|купить|позвонить|взять",
)
# Words after which a command is whole, and which are often said more exactly: "set a timer", "for ten" ("minutes").
_MAY_GO_ON = words_of(
    "timer|alarm|reminder|note|wecker|erinnerung|temporizador|alarma|alarme|minuteur|sveglia|wekker|будильник|таймер",
    "one|two|three|four|five|six|seven|eight|nine|ten|twenty|thirty|first|last|next|new|dos|tres|diez|zwei|drei|zehn",
    "deux|trois|dix|dois|dez|due|tre|dieci|twee|drie|tien|два|три|десять|no|nein|non|não|nee|нет|not",
)
# Statements that announce a question: "I have a question.", "I want to know."
_ANNOUNCES = words_of(
    "wondering|wonder|know|saber|wissen|savoir|sapere|weten|знать|узнать|जानना|أعرف|اعرف",
    "question|ask|help|favor|favour|listen|wait|pregunta|preguntar|preguntarte|ayuda|escucha|frage|fragen|hilfe|moment",
    "demander|aide|attends|pergunta|perguntar|ajuda|domanda|chiedere|chiederti|aiuto|vraag|vragen|hulp|luister|wacht",
    "вопрос|спросить|помощь|помоги|подожди|सवाल|पूछना|मदद|سؤال|أسأل|أسألك|مساعدة|انتظر",
)
_ANNOUNCES_UNSPACED = re.compile("質問|聞きたい|教えてほし|问题|問題|想问|想知道|知りたい|请问|等一下|ちょっと待")
_PREFACES = words_of(phrases.FILLERS, *phrases.ACKNOWLEDGEMENTS)
# A person who introduces herself, or tests whether she is heard. Speech-to-text often writes no full stop then.
_INTRODUCES = re.compile(
    r"(?:my name(?: is|'s)|i(?:'m| am) (?:just )?(?:testing|trying)|(?:this is|it's) (?:just |only )?a test"
    r"|nice to meet you|me llamo|mi nombre es|soy|estoy probando|esto es una prueba"
    r"|mein name ist|ich hei(?:ß|ss)e|ich teste|das ist (?:nur )?ein test"
    r"|je m'appelle|mon nom est|je teste|c'est (?:juste )?un test"
    r"|meu nome é|me chamo|estou testando|estou a testar|isto é um teste|isso é um teste"
    r"|mi chiamo|il mio nome è|sto provando|è solo una prova|questa è una prova"
    r"|mijn naam is|ik heet|ik test|ik ben aan het testen|dit is een test"
    r"|меня зовут|я тестирую|я проверяю|это тест|это проверка"
    r"|मेरा नाम|मैं टेस्ट कर|मैं जाँच कर|यह एक टेस्ट"
    r"|اسمي|أنا أختبر|انا اختبر|أنا أجرب|هذا اختبار|هذه تجربة)(?=[\s,]+\S|$)",
    re.IGNORECASE,
)
_INTRODUCES_UNSPACED = re.compile(
    "私は.|名前は.|といいます|テスト(?:中|して|です)|我叫.|我是.|名字(?:是|叫).|测试|測試"
)
_NUMBER = re.compile(r"\d$")
_MARKS = re.compile(r"[,.;:?!¿¡、。，！？،؛؟।]")
_STOPS = (".", "!", "。", "！", "।", "۔")
_GOES_ON = (",", "...", "…", "-", "–", "—", ":", ";", "、", "，", "،")
# All letters of scripts without blanks between words come after this one.
_FIRST_UNSPACED = "\u3000"
# Words from which a question without marks can be whole, and letters of a script without blanks.
_WHOLE_WORDS = 3
_WHOLE_UNSPACED = 5


def has_marks(text: str) -> bool:
    """Return True if the recogniser writes punctuation. A mark missing at the end then says that more follows."""
    return _MARKS.search(text) is not None


def judge_ending(text: str, *, is_marked: bool = False) -> Ending:
    """Return what the words of an open question say of its end. Its recogniser writes punctuation if `is_marked`.

    Example:
        judge_ending("what time does the")             # UNFINISHED
        judge_ending("what time does the bus leave")   # COMPLETE
    """
    bare = text.rstrip(" \n\"'”»’)」』")
    words = words_in(bare)
    if not words or _is_unfinished(bare, words):
        return Ending.UNFINISHED
    if bare.endswith(_STOPS):
        return Ending.UNFINISHED if _only_announces(bare, words) else Ending.OVER
    if _introduces(bare, words):
        return Ending.OVER
    return Ending.COMPLETE if not is_marked and _is_whole(bare, words) else Ending.OPEN


def _is_unfinished(text: str, words: list[str]) -> bool:
    if text.endswith(_GOES_ON) or is_dangling(text) or has_hardly_begun(text):
        return True
    if text.endswith(_STOPS):
        return False
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last >= _FIRST_UNSPACED:
        return text.endswith(_TRAILING_UNSPACED)
    if last in _TRAILING:
        return True
    if last in _COPULAS and before not in _SUBJECTS:
        # After a command the verb comes last: "tell me how tall the tower is".
        return words[0] not in _COMMANDS and not _QUESTION_WORDS.isdisjoint(words[:3])
    return last in _NEEDS_OBJECT and words[0] in _COMMANDS


def _only_announces(text: str, words: list[str]) -> bool:
    """Return True for words that a request follows, as "I have a question." or "Okay."."""
    if all(word in _PREFACES for word in words):
        return True
    return not _ANNOUNCES.isdisjoint(words) or _ANNOUNCES_UNSPACED.search(text) is not None


def _introduces(text: str, words: list[str]) -> bool:
    if words[-1] >= _FIRST_UNSPACED:
        return _INTRODUCES_UNSPACED.search(text[:_EDGE_CHARS]) is not None
    match = _INTRODUCES.match(" ".join(words))
    return match is not None and len(words) >= _WHOLE_WORDS and words[-1] not in _COPULAS


def _is_whole(text: str, words: list[str]) -> bool:
    """Return True for a question or a command in the words of a recogniser that writes no marks."""
    last = words[-1]
    if last >= _FIRST_UNSPACED:
        return len(text) >= _WHOLE_UNSPACED and is_complete(text)
    if len(words) < _WHOLE_WORDS or last in _MAY_GO_ON or _NUMBER.search(last):
        return False
    return is_complete(text)
