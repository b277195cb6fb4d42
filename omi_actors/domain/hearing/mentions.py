"""Mentions: decide by the words after a greeted name if it is spoken about, rather than to: "Hey, Omi told me that".

The name is then the subject of its sentence: a verb in the third person follows without a pause. A question or a
command is for the wearable; where the words cannot tell, the model decides (domain/answers/silence.py).
Not here: finding names and greetings (wake.py), words that report a wake phrase (phrases.py). Threads: any; pure.
"""

import re
from enum import Enum

from omi_actors.domain.hearing import meant_words, phrases
from omi_actors.domain.hearing.addressing import are_addressing
from omi_actors.domain.hearing.phrases import words_in, words_of
from omi_actors.domain.hearing.question_end import is_complete


class Mention(Enum):
    """Answer to whether a name is only mentioned: no, the words cannot tell, or yes."""

    NO = 0
    MAYBE = 1
    YES = 2


# Verbs of things that wearables do, in the third person; in Russian the past has one form for all persons.
_TOLD = words_of(
    "told|said|says|heard|hears|recorded|records|knows|knew|helped|helps|reminded|answered|thinks|works|worked|costs|cost",
    "dijo|dice|oyó|oye todo|grabó|graba|sabe|ayudó|ayuda|respondió|contestó|funciona|cuesta|recordó|escucha todo",
    "sagte|sagt|meinte|meint|hörte|hört|weiß|wusste|half|hilft|kostet|funktioniert|erinnerte|antwortete|nimmt",
    "dit|disait|entend|enregistre|sait|aide|marche|coûte|répond|écoute tout",
    "disse|falou|ouviu|ouve|gravou|grava|sabe|ajudou|ajuda|respondeu|funciona|custa|lembrou",
    "dice|diceva|sente|registra|funziona|costa|aiuta|risponde",
    "zei|zegt|hoorde|hoort|luistert|weet|wist|helpt|hielp|werkt|werkte|kost|antwoordde|neemt",
    "сказал|сказала|говорил|говорит|слышал|слышит|слушает|знает|помог|помогает|ответил|записал|записывает|работает|стоит",
    "напомнил|умеет|может",
    "قال|قالت|سمع|يسمع|يسمعنا|ساعدني|يساعدني|يعرف|سجل|يسجل|أجاب|يعمل|يستطيع|يقول|هو|ليس",
)
# Verbs that also begin questions, and in some languages statements without a subject: "è stata una bella giornata".
_IS = words_of(
    phrases.AUXILIARIES,
    "isn't|wasn't|doesn't|didn't|hasn't|hadn't|won't|can't|couldn't|wouldn't|has|had|needs|never|got|gets|made|makes",
    "ist|war|hat|hatte|kann|konnte|wird|würde|will|muss|soll|sollte|darf|braucht|bleibt",
    "est|était|a|avait|peut|pouvait|va|fait|c'est|n'est|n'a|n'écoute|ne|m'a|t'a|nous|l'a",
    "is|was|heeft|had|kan|kon|wordt|zal|moet|mag|gaat|doet",
)
_IS_WITHOUT_SUBJECT = words_of(
    "es|está|fue|era|ha|había|tiene|puede|va|será",
    "é|está|foi|era|tem|tinha|pode|vai|será",
    "è|era|ha|aveva|può|va|sarà|sta",
    "был|была|будет|это",
)
# Words between a name and its verb.
_BETWEEN = words_of(
    "just|also|never|always|really|actually|already|still|even|me|te|se|nos|lo|la|le|no|ya|también|siempre|hoy|ayer|ahora",
    "não|já|também|sempre|hoje|ontem|agora|mi|ti|ci|non|già|anche|adesso|oggi|ieri|sempre|m'|t'|y|en",
    "мне|нам|тебе|не|уже|тоже|вчера|сегодня|сейчас|всё|ещё|очень|это|لا|لم|لن|قد",
)
_BETWEEN_LIMIT = 3
# Postpositions of Hindi, which make a word before them a part of the sentence.
_POSTPOSITIONS = words_of("ने|का|की|के|को|से|में|पर|तो|भी|ही")
# Subjects after a verb, which make a question of it, and words that begin a subject or are a part of what is told.
_SUBJECTS = words_of(
    phrases.PRONOUNS,
    "es|er|sie|man|du|ihr|wir|ich|il|elle|on|je|tu|hij|zij|ik|jij|je|u|yo|usted|eu|você|io|lei|я|ты|он|она|это",
)
_MAY_BE_SUBJECTS = words_of(
    "the|a|an|my|your|our|this|that|these|any|der|die|das|den|ein|eine|mein|meine|dein|le|la|les|un|une|mon|ma|mes|el|los",
    "las|una|mi|tu|este|esta|il|lo|i|gli|un|uno|una|mio|mia|o|os|as|um|uma|meu|minha|de|het|een|mijn",
)
_HINDI = re.compile(r"[\u0900-\u097f]")
_UNSPACED = re.compile(
    "(?:は|が|を|に|って|なら|でも|と(?!ても|け)|も(?!う|っと|し)|で(?!ん)|の(?![ぞど]))"
    "|(?:昨天|今天|现在|刚才|也|都|还|就|已经|一直|真的|在我|从来)*(?:是|说|有|会|能|可以|没|不|知道|听|录|帮|告诉|记|很)"
)
# In Chinese a comma stands after a name that is called: "嘿，Omi在我手术以后帮了大忙。".
_CHINESE = re.compile(r"(?!我|咱|请|帮我|给我)[\u4e00-\u9fff][^\u3040-\u30ff]*$")
_FIRST_UNSPACED = "\u3000"
_END = re.compile(r"[.!?。！？।؟۔…]+")
_QUESTION_MARKS = frozenset("?？؟")
_TAG = re.compile(
    rf"[,،、，] ?(?:{'|'.join(map(re.escape, sorted(words_of(*meant_words.TAGS), key=len, reverse=True)))})\s*$",
    re.IGNORECASE,
)


def judge_mention(after: str, *, is_apart: bool) -> Mention:
    """Return whether a greeted name is mentioned, by the words that follow it without a pause.

    `is_apart`: punctuation stands between greeting and name, as in "Hey, Omi is what I bought".

    Example:
        judge_mention(" told me the same thing.", is_apart=False)   # Mention.YES
        judge_mention(" is it raining", is_apart=False)             # Mention.NO
    """
    end = _END.search(after)
    sentence = after[: end.start()] if end is not None else after
    mark = end.group() if end is not None else ""
    words = words_in(sentence)
    if not words or after.lstrip()[:1] in "¿¡":
        return Mention.NO
    is_asking = not _QUESTION_MARKS.isdisjoint(mark) and _TAG.search(sentence) is None
    if words[0][:1] >= _FIRST_UNSPACED:
        return _judge_unspaced(sentence.lstrip(), is_asking=is_asking, is_apart=is_apart and bool(mark))
    if words[0] in _POSTPOSITIONS:
        return Mention.YES
    if is_asking or are_addressing(words[:2]):
        return Mention.NO
    if _HINDI.match(words[0]):
        return Mention.YES if is_apart and mark and not is_complete(sentence) else Mention.NO
    return _judge_verb(words, is_ended=bool(mark), is_apart=is_apart)


def _judge_unspaced(sentence: str, *, is_asking: bool, is_apart: bool) -> Mention:
    if _UNSPACED.match(sentence) is None and not (is_apart and _CHINESE.match(sentence)):
        return Mention.NO
    return Mention.MAYBE if is_asking or is_complete(sentence) else Mention.YES


def _judge_verb(words: list[str], *, is_ended: bool, is_apart: bool) -> Mention:
    """Decide by the first verb of a sentence that is no question."""
    place = next((n for n, word in enumerate(words[:_BETWEEN_LIMIT]) if word not in _BETWEEN), 0)
    verb = words[place]
    if verb in _TOLD:
        return Mention.YES if is_ended or not place else Mention.MAYBE
    if words[0] in _IS:
        place, verb = 0, words[0]
    following = words[place + 1] if place + 1 < len(words) else ""
    if (verb not in _IS and verb not in _IS_WITHOUT_SUBJECT) or not following or following in _SUBJECTS:
        return Mention.NO
    needs_pause = verb in _IS_WITHOUT_SUBJECT or following in _MAY_BE_SUBJECTS
    return Mention.YES if is_ended and (is_apart or not needs_pause) else Mention.MAYBE
