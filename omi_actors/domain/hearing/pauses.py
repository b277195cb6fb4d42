"""Pauses: how long a silence must be to end a question, decided by the words before it.

The words are of twelve languages. All languages apply at once, since people mix them.
Not here: ends without a pause (question_end.py), the deadlines made of the pauses (utterances.py). Threads: any; pure.
"""

import re
from enum import Enum

from omi_actors.domain.hearing import meant_words, phrases
from omi_actors.domain.hearing.phrases import words_in, words_of
from omi_actors.domain.hearing.question_end import has_hardly_begun, is_complete, is_dangling, only_announces

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
    "until|near|since|every|each|very|what's|who's|where's|how's|when's|i|whether|let's|please",
    "de|del|la|el|los|las|un|una|y|e|o|en|por|para|mi|mis|tu|tus|su|sus|que|con|sin|sobre|entre|hasta|desde|pero|al",
    "porque|si|cada|muy|este|esta|hacia|según|contra|durante|desde",
    "der|des|dem|den|die|ein|eine|einen|einem|einer|und|oder|aber|von|vom|im|am|zum|zur|beim|für|bei|mein|meine|meinen",
    "meinem|dein|deine|über|unter|durch|gegen|ohne|nach|bis|seit|vor|mit|dass|weil|wenn|ob|als|zwischen|sehr|jeden|jede",
    "du|le|les|une|et|ou|où|au|aux|à|dans|sur|pour|avec|chez|par|sans|sous|mon|ma|mes|ton|ta|tes|ce|cette|ces|mais|car",
    "parce|très|chaque|d'|l'|entre|vers|depuis|jusqu'à|contre|en",
    "da|das|dos|um|uma|em|na|nas|com|meu|minha|meus|minhas|seu|sua|os|as|ao|pelo|pela|sem|até|mas|se|cada|muito",
    "di|della|dello|dei|delle|il|lo|gli|uno|ed|per|mio|mia|ma|che|dal|dalla|nel|nella|sul|sulla|tra|fra|senza|alla|ai|verso|contro|su",
    "een|mijn|jouw|de|het|en|of|van|voor|met|naar|bij|tot|vanaf|tussen|zonder|maar|omdat|dat|te|om|elke|heel",
    "nachricht an|mail an|brief an|mich an|uns an|mich auf|warten auf",
    "что|в|во|на|с|со|и|или|а|но|из|от|до|по|о|об|для|к|ко|у|за|под|над|без|через|при|про|если|чтобы|потому|между|после|перед|около|вместо|мой|моя|моей|мою",
    "का|की|के|में|से|को|और|या|पर|ने|कि|अगर|मेरा|मेरी|मेरे|एक|लेकिन",
    "في|من|إلى|الى|على|عن|مع|أو|و|ثم|لأن|إذا|أن|بعد|قبل|بين|حتى|بدون|لكن|كل",
)
# More of them, which also end sentences ("mach das Licht aus"): a recogniser that writes marks would have written one.
_TRAILING_UNMARKED = words_of(
    "from|about|on|over|until|till|since|before|after|near|around|under|above|behind|per|which|whose",
    "desde|hacia|según|tras|ante|bajo|contra|durante",
    "auf|aus|an|nach|mit|zu|um|vor|seit|bis|hinter|neben|wegen|ins|ans|ihre|ihren|unser|unsere",
    "vers|depuis|pendant|contre|selon|jusqu'à|près|notre|votre|leur",
    "desde|após|sob|num|numa|nos|nas|aos|às|uns|umas|pra|pro|nosso|nossa",
    "dopo|prima|verso|contro|durante|sotto|presso|degli|agli|negli|dagli|nostro|nostra",
    "uit|op|aan|om|over|na|bij|achter|onder|tot|sinds|onze|hun",
    "после|перед|между|около|возле|вокруг|среди|ради|мимо|наш|наша",
    "तक|लिए|वाली|वाला|वाले|पहली|पहला|पहले",
    "حول|عند|لدى|خلال|تحت|فوق|أمام|ضد|قرب",
)
_TRAILING_UNSPACED = (
    *("は", "が", "を", "に", "で", "と", "も", "へ", "から", "まで", "けど", "や", "えっと", "あの", "、", "，"),
    *("的", "和", "跟", "在", "把", "给", "從", "从", "到", "或", "或者", "因为", "如果", "是", "我", "请", "一个"),
    *("对", "向", "往", "让", "叫", "离", "比", "用", "关于", "帮"),
)
# "Who sings this?", in Chinese with the particle that elsewhere stands before a noun: 这首歌是谁唱的.
_WHOLE_WITH_PARTICLE = re.compile("是.*(?:谁|哪|什么|怎么|几).*的$|怎么(?:用|叫|比|到|往)$|叫什么$")
# Verbs that wait for their subject after a question word, as in "how tall is", and after another word do not.
_COPULAS = words_of(
    "is|are|was|were|does|do|did|will|can|could|should|would|has|have",
    "es|son|está|están|era|fue|ist|sind|war|hat|kann|est|sont|était|é|são|foi|era|è|sono|heet|zijn|هو|هي|был|была|было|были",
)
_SUBJECTS = words_of(phrases.PRONOUNS, "this|that|these|those|es|er|sie|il|elle|ça|het|dat|dit|hij")
_QUESTION_WORDS = words_of(*phrases.QUESTION_WORDS)
_COMMANDS = words_of(*phrases.COMMANDS)
_AUXILIARIES = words_of(phrases.AUXILIARIES)
# Hindi has the question word after what is asked.
_ASKS_LAST = words_of(phrases.ASKING_ANYWHERE)
_VERBS_FIRST = words_of(*meant_words.VERBS_FIRST)
_PREPOSITIONS = words_of(
    "in|on|at|by|for|from|to|with|of|about|until|since|a|de|en|con|por|para|desde|hasta|zu|mit|von|auf|um|bis|seit|aus",
    "für|über|à|de|dans|avec|pour|depuis|sur|em|com|até|di|da|su|per|op|met|van|naar|voor|uit|sinds|tot",
    "в|во|на|с|из|у|о|об|до|от|к|для|по|في|من|إلى|على|عن|مع|منذ|حتى",
)
# Words after which a command is whole, and which are often said more exactly: "set a timer", "for ten" ("minutes").
_MAY_GO_ON = words_of(
    "timer|alarm|reminder|note|wecker|erinnerung|temporizador|alarma|alarme|minuteur|sveglia|wekker|будильник|таймер",
    "one|two|three|four|five|six|seven|eight|nine|ten|twenty|thirty|first|last|next|new|dos|tres|diez|zwei|drei|zehn",
    "deux|trois|dix|dois|dez|due|tre|dieci|twee|drie|tien|два|три|десять|no|nein|non|não|nee|нет|not",
)
# Words of statements that announce a question, by their fields: "I have a question.", "I want to know.", "Wait."
_ANNOUNCES = words_of(
    "question|questions|ask|asking|pregunta|preguntar|preguntarte|preguntaba|frage|fragen|gefragt|fragte|demander|demandais",
    "pergunta|perguntar|domanda|chiedere|chiederti|chiedevo|vraag|vragen|vraagje|vroeg|вопрос|спросить|सवाल|पूछना|पूछनी",
    "سؤال|أسأل|أسألك|اسأل|اسألك",
    "wondering|wonder|know|saber|sabes|sepas|wissen|weißt|wüsstest|savoir|sais|saurais|sabe|saiba|sapere|sai|sapessi",
    "weten|weet|знать|знаешь|узнать|जानना",
    "पता|أعرف|اعرف|تعرف|تعلم",
    "help|ayuda|ayudes|hilfe|hilf|aide|aides|ajuda|ajude|aiuto|aiutarmi|hulp|help|помощь|помоги|मदद|مساعدة|مساعدتك|ساعدني",
    "favor|favour|gefallen|service|favore|piacere|plezier|одолжение|просьба|صنيعا|خدمة|معروفا",
    "doubt|duda|dúvida|zweifel|doute|dubbio|twijfel|сомнение",
    "curious|curiosity|curiosidad|neugierig|neugier|curieux|curieuse|curiosité|curioso|curiosa|curiosidade|curiosità",
    "nieuwsgierig|nieuwsgierigheid|любопытства|любопытно|интересно|जिज्ञासा|فضول|الفضول",
    "forgot|forgotten|olvidado|olvidó|vergessen|oublié|esqueci|esquecido|dimenticato|scordato|vergeten|забыл|забыла",
    "भूल|نسيت",
)
_ANNOUNCES_UNSPACED = re.compile(
    "質問|聞きたい|聞いて|教えてほし|知りたい|知ってる|手伝って|助けて|お願いが|待って|忘れ(?:ちゃ|て|た)|気になって|思ったんだけど"
    "|ことがあ[るり]|なんだけど|问题|問題|问你|想问|想知道|知道|请问|等一下|等等|听我|忘了|好奇|帮忙|帮个忙|一件事|件事"
)
# Words that leave open what is meant: "there is something I would like to know", "I forgot something".
_INDEFINITE = words_of(
    "something|thing|stuff|algo|cosa|cosas|etwas|was|quelque chose|truc|chose|coisa|algo|qualcosa|cosa|iets|что-то",
    "кое-что|кое-чем|что-нибудь|कुछ|बात|شيء|شيئا|شيئًا|شي|أمر",
)
# Words of such a statement; a longer one says what it is about.
_INDEFINITE_WORDS = 9
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
    if is_marked and words[-1] in _TRAILING_UNMARKED:
        return Ending.UNFINISHED
    return Ending.COMPLETE if not is_marked and _is_whole(bare, words) else Ending.OPEN


def _is_unfinished(text: str, words: list[str]) -> bool:
    if text.endswith(_GOES_ON) or is_dangling(text) or has_hardly_begun(text):
        return True
    if text.endswith(_STOPS):
        return False
    last = words[-1]
    if last >= _FIRST_UNSPACED:
        return text.endswith(_TRAILING_UNSPACED) and _WHOLE_WITH_PARTICLE.search(text) is None
    is_trailing = not _TRAILING.isdisjoint((last, last.rpartition("'")[2], " ".join(words[-2:])))
    return is_trailing or _lacks_subject(words) or _only_asks_for(words)


def _lacks_subject(words: list[str]) -> bool:
    """Return True for "how tall is". After a command the verb comes last: "tell me how tall the tower is"."""
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    is_verb = last in _COPULAS and before not in _SUBJECTS
    return is_verb and words[0] not in _COMMANDS and not _QUESTION_WORDS.isdisjoint(words[:3])


def _only_asks_for(words: list[str]) -> bool:
    """Return True for "can you tell me when", to which nothing was added yet."""
    first, last = words[0], words[-1]
    is_request = first in _COMMANDS or first in _AUXILIARIES or " ".join(words[:2]) in _COMMANDS
    return is_request and last in _QUESTION_WORDS - _ASKS_LAST and _QUESTION_WORDS.isdisjoint(words[:-1])


def _only_announces(text: str, words: list[str]) -> bool:
    """Return True for words that a request follows, as "I have a question." or "Okay."."""
    if all(word in _PREFACES for word in words):
        return True
    if not _ANNOUNCES.isdisjoint(words) or _ANNOUNCES_UNSPACED.search(text) is not None:
        return True
    if only_announces(text):
        return True
    return len(words) <= _INDEFINITE_WORDS and not _INDEFINITE.isdisjoint(words)


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
    return is_complete(text) or _asks_unmarked(words)


def _asks_unmarked(words: list[str]) -> bool:
    """Return True for a question that begins with its verb, or with a preposition: "in what year", "hat er auf"."""
    first, pair = words[0], " ".join(words[:2])
    return first in _VERBS_FIRST or pair in _VERBS_FIRST or (first in _PREPOSITIONS and words[1] in _QUESTION_WORDS)
