"""Going on: decide if a speaker's words, after words of other people, still belong to the speaker's open question.

"Remind me to buy", another says "Batteries!", "stamps and an envelope" goes on; "Yes, one second" is for the other.
Not here: words soon after an answer (meant.py), the open question (utterances.py). Threads: any; pure.
"""

import re

from omi_actors.domain.hearing import phrases
from omi_actors.domain.hearing.meant import calls_person, orders_person, speaks_to_person
from omi_actors.domain.hearing.phrases import words_in, words_of
from omi_actors.domain.hearing.question_end import is_complete

# Replies to people, by which no question goes on. Order of the rows as in phrases.py.
_REPLIES = words_of(
    "yes|yeah|yep|yup|sure|of course|okay|ok|alright|all right|thanks|thank you|no thanks|no thank you|sorry|hold on"
    "|hang on|just a second|just a minute|i'm coming|i know|i see|i don't know|no idea|never mind|not now|me neither"
    "|you're welcome|excuse me|bless you",
    "sí|claro|vale|de acuerdo|gracias|no gracias|perdón|perdona|espera|ya voy|ya lo sé|ya sé|lo sé|por supuesto"
    "|cómo no|de nada|ni idea|no sé|no lo sé|ahora no",
    "ja|klar|okay|ok|danke|nein danke|entschuldigung|tut mir leid|sorry|warte|ich komme|ich weiß|weiß ich|natürlich"
    "|gerne|keine ahnung|jetzt nicht|komme gleich|stimmt|achso|ach so",
    "oui|ouais|bien sûr|d'accord|ok|okay|merci|non merci|pardon|désolé|désolée|attends|attendez|j'arrive|je sais"
    "|pas de problème|de rien|aucune idée|je ne sais pas|je sais pas|sais pas|pas maintenant|volontiers",
    "sim|claro|tá|tá bom|está bem|ok|okay|obrigado|obrigada|não obrigado|não obrigada|desculpa|desculpe|espera|já vou"
    "|eu sei|já sei|com certeza|de nada|sei lá|não sei|agora não|pode ser|beleza",
    "sì|certo|certamente|va bene|d'accordo|ok|okay|grazie|no grazie|scusa|scusami|scusate|aspetta|aspettate|arrivo"
    "|lo so|volentieri|prego|figurati|non so|non lo so|boh|non ora|eccomi",
    "ja|jazeker|tuurlijk|natuurlijk|oké|ok|okay|dank je|dank je wel|bedankt|nee dank je|nee bedankt|sorry|wacht"
    "|wacht even|momentje|ik kom|ik weet het|weet ik|graag gedaan|geen idee|weet ik niet|nu niet|kom eraan",
    "да|ага|угу|конечно|ладно|окей|ок|спасибо|нет спасибо|извини|извините|прости|подожди|подождите|иду|уже иду|знаю"
    "|я знаю|понятно|ясно|не знаю|я не знаю|понятия не имею|не сейчас|давай|пошли|пойдём",
    "हाँ|हां|जी|जी हाँ|ठीक है|शुक्रिया|धन्यवाद|नहीं शुक्रिया|माफ़ करना|माफ़ कीजिए|रुको|रुकिए|पता है|मुझे पता है|बिल्कुल|पता नहीं"
    "|मुझे नहीं पता|आ रहा हूँ|आ रही हूँ|आता हूँ|आती हूँ|अभी नहीं",
    "نعم|أجل|ايوه|أيوه|طبعا|أكيد|حسنا|حاضر|شكرا|لا شكرا|عفوا|آسف|آسفة|انتظر|انتظري|أنا قادم|أنا قادمة|قادم|قادمة"
    "|أعرف|لا أعرف|هيا|هيا بنا|تفضل|تفضلي|ليس الآن",
)
# Replies only if they stand apart: before a mark, or alone. As other words they may begin what is missing.
_REPLIES_APART = words_of(
    "no|nope|nah|what|right|good|great|nice|cool|perfect|fine|who|where|why|huh|hm|wait|coming|really|exactly"
    "|one second|one moment|in a minute|go ahead",
    "no|qué|bien|genial|bueno|perfecto|de verdad|en serio|ah sí|quién|dónde|por qué|exacto|un momento|un segundo|voy",
    "nein|was|gut|super|toll|wirklich|echt|genau|wie bitte|wer|wo|warum|doch|moment|einen moment|eine sekunde|gleich",
    "non|quoi|bien|bon|super|génial|parfait|vraiment|c'est vrai|ah bon|exactement|qui|où|pourquoi|un instant"
    "|une seconde|un moment",
    "não|quê|o quê|bom|ótimo|legal|perfeito|sério|é mesmo|verdade|exato|quem|onde|por quê|um momento|um segundo"
    "|um instante",
    "no|cosa|che|bene|bello|perfetto|davvero|sul serio|ah sì|esatto|chi|dove|perché|un momento|un attimo|un secondo",
    "nee|wat|goed|mooi|leuk|fijn|echt|echt waar|precies|wie|waar|waarom|zeker|prima|één seconde|een seconde|een moment",
    "нет|что|отлично|здорово|правда|серьёзно|точно|кто|где|почему|сейчас|секунду|минуту|минутку|хорошо",
    "नहीं|क्या|सच|सच में|बढ़िया|सही|कौन|कहाँ|क्यों|अच्छा|ज़रूर|चलो|एक मिनट|एक सेकंड|हाँ तो",
    "لا|ماذا|حقا|صحيح|جيد|رائع|ممتاز|تمام|أين|لماذا|لحظة|ثانية واحدة|من",
)
_REPLIES_UNSPACED = re.compile(
    r"\W*(?:(?:うん|ううん|はい|いいえ|いや|ええ|ありがとう|ごめん|すみません|ちょっと待|待って|わかった|わかって|了解|今行く|どうぞ"
    r"|いいよ|まあね|知らない|嗯|好的|好吧|好啊|是的|对啊|不用|谢谢|等一下|等等|来了|知道了|我知道|当然|不知道|没关系|对不起|抱歉)"
    r"|(?:そう|そっか|本当|ほんと|あれ|え|何|好|行|可以|对|没有|不是|真的|什么|哦|马上|不)(?:$|[、。，！？!?,.\s]))"
)
# "Oh, great" and "ah, yes" are replies, too.
_SOUNDS = words_of("oh|ah|well|um|uh|hm|na|ach|eh|och|o|а|ой|ну|о|अरे|آه|ay|bah|euh|beh|ops|oops")
_QUESTION_MARK = re.compile("[?？؟]")
_MARK = re.compile(r"[,.!?:;…،؟।]")
# Conjunctions that add to a request, and the most words that they add: "and stamps".
_ADDING = words_of("and|or|plus|y|o|und|oder|et|ou|e|en|of|и|или|और|या|و|أو")
_MOST_ADDED = 6
# Words after which a name of something must follow, and no sentence can begin: articles, possessives, prepositions.
_BEFORE_NOUN = words_of(
    "of|the|a|an|my|your|our|their|his|with|for|in|at|by|into|from|between|without|during|every|each|very|near",
    "de|del|el|la|los|las|un|una|mi|mis|tu|tus|su|sus|con|sin|sobre|entre|hasta|desde|en|al|cada",
    "der|die|das|dem|den|des|ein|eine|einen|einem|einer|von|vom|zum|zur|im|am|für|beim|mein|meine|meinen|dein|deine|über|nach",
    "du|le|les|une|au|aux|dans|sur|avec|chez|mon|ma|mes|ton|ta|ce|cette|entre|vers",
    "da|dos|um|uma|em|na|nas|com|meu|minha|meus|seu|sua|ao|pelo|pela|sem|até",
    "di|della|dello|dei|delle|il|gli|uno|dal|dalla|nel|nella|sul|sulla|tra|fra|mio|mia|alla|ai|i|per",
    "een|mijn|jouw|de|het|van|voor|met|naar|tussen|zonder|elke",
    "в|во|на|из|от|до|для|к|ко|у|за|под|над|без|через|при|мой|моя|мою|между",
    "का|की|के|मेरा|मेरी|मेरे|एक",
    "في|من|إلى|الى|على|عن|مع|بين|بدون|كل",
)
# Words that begin a sentence about somebody or something that was named before.
_SUBJECTS = words_of(
    "i|i'm|i've|i'll|we|we're|he|she|they|it's|it|that's|this is|there's|there is|here's|here you|here it",
    "yo|él|ella|ellos|nosotros|está|están|estoy|es que|eso|esto|ya está|ya he|ya lo|no está|no es|creo que|aquí está",
    "ich|wir|er|sie|es ist|das ist|da ist|hier ist|das sind|das war|das liegt|das steht|das geht|das hat",
    "je|j'ai|il|elle|on|nous|ils|elles|c'est|ça|ce n'est|il y a|voilà|voici",
    "eu|ele|ela|eles|nós|está|estão|estou|é que|isso|isto|já está|acho que|aqui está",
    "io|lui|lei|noi|loro|sono|è|c'è|sta|questo è|quello è|ecco|credo che",
    "ik|we|wij|hij|ze|zij|het is|dat is|er is|hier is|dat was",
    "я|мы|он|она|они|это|вот",
    "मैं|मैंने|हम|हमने|वह|वो|यह|ये|वहाँ|यहाँ",
    "أنا|نحن|هو|هي|هذا|هذه|إنه|إنها|هنا|هناك",
)
_FEWEST_TOLD = 3
_QUESTION_WORDS = words_of(*phrases.QUESTION_WORDS)
_AUXILIARIES = words_of(phrases.AUXILIARIES)
# Characters read of a text, and the most words of a reply.
_READ_CHARS = 160
_MOST_REPLIED = 4


def is_for_others(text: str, question: str) -> bool:
    """Return True if these words, after those of others, answer them or are spoken to them.

    Example:
        is_for_others("Yes, one second.", "remind me to buy")              # True
        is_for_others("stamps and a padded envelope", "remind me to buy")  # False
    """
    text = text[:_READ_CHARS]
    speaks = calls_person if _asks_on(text, question) else speaks_to_person
    return _replies(text) or speaks(text, question) or _begins_sentence(text, question)


def _asks_on(text: str, question: str) -> bool:
    """Return True if these words may complete a question of which only the beginning was said: "how", "do you go"."""
    last, first = words_in(question)[-1:], words_in(text)[:1]
    if not last or not first or first[0] in _QUESTION_WORDS:
        return False
    return last[0] in _QUESTION_WORDS or (last[0] in _AUXILIARIES and first[0] not in _AUXILIARIES)


def _begins_sentence(text: str, question: str) -> bool:
    """Return True for a sentence of its own after words that need a noun: "It's on the table."."""
    last = words_in(question)[-1:]
    words = words_in(text)
    if not last or last[0] not in _BEFORE_NOUN or not words or _QUESTION_MARK.search(text) is not None:
        return False
    if orders_person(text, question):
        return True
    return len(words) >= _FEWEST_TOLD and _names_subject(words)


def _names_subject(words: list[str]) -> bool:
    return not _SUBJECTS.isdisjoint((*words[:1], " ".join(words[:2])))


def adds_to(text: str) -> bool:
    """Return True if these words, after those of others, add to a request that was whole: "and stamps"."""
    words = words_in(text[:_READ_CHARS])
    is_short = 1 < len(words) <= _MOST_ADDED
    return is_short and words[0] in _ADDING and not is_complete(" ".join(words[1:]))


def _replies(text: str) -> bool:
    if _REPLIES_UNSPACED.match(text):
        return True
    words = text.casefold().replace("’", "'").split()
    while len(words) > 1 and words_in(words[0]) and words_in(words[0])[0] in _SOUNDS:
        del words[0]
    for count in range(min(_MOST_REPLIED, len(words)), 0, -1):
        reply = " ".join(words_in(" ".join(words[:count])))
        if reply in _REPLIES:
            return True
        is_apart = count == len(words) or _MARK.search(words[count - 1]) is not None
        if reply in _REPLIES_APART and (is_apart or _names_subject(words_in(" ".join(words[count:])))):
            return True
    return False
