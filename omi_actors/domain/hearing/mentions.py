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


# Third person of the present, in languages that keep their subject: nothing that one says of oneself, or commands.
_THIRD = words_of(
    "is|isn't|has|hasn't|does|doesn't",
    "ist|hat|wird|braucht|bleibt|sagt|meint|hört|hilft|kostet|funktioniert|nimmt",
    "est|peut",
    "is|heeft|zegt|hoort|luistert|weet|helpt|werkt|kost|neemt",
    "говорит|слышит|слушает|знает|помогает|записывает|работает|стоит|умеет|может",
    "يسمع|يسمعنا|يساعدني|يعرف|يسجل|يعمل|يستطيع|يقول|هو|ليس",
)
# Those of them with which no question begins.
_NEVER_ASKING = words_of(
    "says|hears|records|knows|helps|thinks|works|costs|needs|gets|makes|n'est|n'a|n'écoute|m'a|t'a|l'a|entend|sait|coûte",
    "répond",
)
# Verbs of what a wearable does, of which the speaker, or somebody else who is left out, may be the subject, too.
_DID = words_of(
    "told|said|heard|recorded|knew|helped|reminded|answered|worked",
    "sagte|meinte|hörte|weiß|wusste|half|erinnerte|antwortete|disait",
    "zei|hoorde|wist|hielp|werkte|antwoordde",
    "dijo|dice|oyó|grabó|sabe|ayudó|respondió|contestó|funciona|cuesta|recordó",
    "disse|falou|ouviu|gravou|sabe|ajudou|respondeu|funciona|custa|lembrou",
    "dice|diceva|sente|funziona|costa|risponde",
    "сказал|сказала|говорил|слышал|помог|ответил|записал|напомнил",
    "قال|قالت|سمع|أجاب",
)
# The same after another verb: "me ha dicho", "tem me ajudado", "no está escuchando".
_DONE = words_of(
    "dicho|ayudado|grabado|oído|contestado|respondido|detto|aiutato|aiutata|sentito|registrato|risposto",
    "dito|ajudado|ouvido|gravado|erzählt|gesagt|geholfen|gehört|gezegd|geholpen|gehoord|escuchando|grabando",
    "oyendo|ouvindo|escutando|gravando|ascoltando|registrando|listening|recording",
)
# Other verbs of which a name may be the subject, or anybody else.
_ANY_PERSON = words_of(
    phrases.AUXILIARIES,
    "wasn't|didn't|hadn't|won't|can't|couldn't|wouldn't|had|never|got|made",
    "war|hatte|kann|konnte|würde|will|muss|soll|sollte|darf|était|avait|pouvait|ne|c'est",
    "was|had|kan|kon|zal|moet|mag|es|está|fue|era|ha|había|tiene|puede|será",
    "é|foi|tem|tinha|pode|vai|è|aveva|può|sarà|sta|был|была|будет",
)
# Commands in some languages, as in "Oye Omi graba esto"; and Dutch "this", which is French "says".
_UNCERTAIN = words_of("graba|ayuda|grava|ajuda|ouve|registra|aiuta|aide|enregistre|va|marche|dit|ساعدني|سجل")
# Before "me" they may have another subject: "Oye Omi ha me ...".
_ROMANCE = words_of("es|está|fue|era|ha|había|tiene|puede|será|é|foi|tem|tinha|pode|vai|è|aveva|può|sarà|sta")
_VERBS = _THIRD | _NEVER_ASKING | _DID | _ANY_PERSON
# Words between a name and its verb.
_BETWEEN = words_of(
    "just|also|never|always|really|actually|already|still|even|me|te|se|nos|lo|la|le|no|ya|también|siempre|hoy|ayer|ahora",
    "não|já|também|sempre|hoje|ontem|agora|mi|ti|ci|non|già|anche|adesso|oggi|ieri|sempre|m'|t'|y|en",
    "мне|нам|тебе|не|уже|тоже|вчера|сегодня|сейчас|всё|ещё|очень|لا|لم|لن|قد",
)
_BETWEEN_LIMIT = 3
# Postpositions of Hindi, which make a word before them a part of the sentence; and those that also begin a sentence.
_POSTPOSITIONS = words_of("ने|का|की|के|को|से|में|पर")
_PARTICLES = words_of("तो|भी|ही|वही")
# Objects after a verb, which show that its subject is another: "told me", "hat mir".
_OBJECTS = words_of("me|us|mir|mich|uns|mij|ons|мне|нам|меня")
# "Omi es lo que compré": what is told is about the name.
_RELATIVE = (["lo", "que"], ["o", "que"], ["quello", "che"], ["ce", "que"])
# Subjects after a verb, which make a question of it, and words that begin a subject or are a part of what is told.
_SUBJECTS = words_of(
    phrases.PRONOUNS,
    "es|er|sie|man|du|ihr|wir|ich|il|elle|on|je|tu|hij|zij|ik|jij|je|u|yo|usted|eu|você|io|lei|я|ты|он|она|это",
)
_MAY_BE_SUBJECTS = words_of(
    "the|a|an|my|your|our|this|that|these|any|der|die|das|den|ein|eine|mein|meine|dein|le|la|les|un|une|mon|ma|mes|el|los",
    "las|una|mi|tu|este|esta|il|lo|i|gli|un|uno|una|mio|mia|o|os|as|um|uma|meu|minha|de|het|een|mijn",
)
_UNSPACED = re.compile(
    "(?:は|が|を|に|って|なら|でも|と(?!ても|け)|も(?!う|っと|し)|で(?!ん)|の(?![ぞど]))"
    "|(?!能不能|可不可以|会不会|有没有|是不是|不用)(?:也|都|还|就|已经|一直|真的|从来)*"
    "(?:是|说(?!个|一|说|句|给)|有|会|能|可以|没(?!事|关系)|不(?!要|用|好意思|客气)|知道|很)"
    "|(?:昨天|今天|现在|刚才).*(?:跟我说|对我说|告诉我|在听|没听)"
)
_KANA = re.compile("[\u3040-\u30ff]")
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
    if words[0] in _POSTPOSITIONS or (words[0] in _PARTICLES and not is_complete(sentence)):
        return Mention.YES
    if is_asking or are_addressing(words[:2]):
        return Mention.NO
    return _judge_verb(words, is_ended=bool(mark), is_apart=is_apart)


def _judge_unspaced(sentence: str, *, is_asking: bool, is_apart: bool) -> Mention:
    if _UNSPACED.match(sentence) is not None:
        return Mention.MAYBE if is_asking or is_complete(sentence) else Mention.YES
    # In Chinese a comma stands after a name that is called: "嘿，Omi在我手术以后帮了大忙。".
    is_chinese = is_apart and not is_asking and _KANA.search(sentence) is None
    return Mention.MAYBE if is_chinese else Mention.NO


def _judge_verb(words: list[str], *, is_ended: bool, is_apart: bool) -> Mention:
    """Decide by the first verb of a sentence that is no question."""
    place = next((n for n, word in enumerate(words[:_BETWEEN_LIMIT]) if word not in _BETWEEN), 0)
    if words[0] in _VERBS:
        place = 0
    verb, following = words[place], words[place + 1] if place + 1 < len(words) else ""
    if verb in _UNCERTAIN:
        return Mention.MAYBE
    if verb not in _VERBS or following in _SUBJECTS or not following:
        return Mention.NO
    is_third = verb in _NEVER_ASKING or (verb in _THIRD and (is_apart or following not in _MAY_BE_SUBJECTS))
    is_told = verb in _DID or words[place + 1 : place + 3] in _RELATIVE or not _DONE.isdisjoint(words[place:])
    is_object = following in _OBJECTS or words[0] in _OBJECTS - _BETWEEN
    is_certain = is_third or (is_told and is_apart) or (is_object and verb not in _ROMANCE)
    return Mention.YES if is_ended and is_certain else Mention.MAYBE
