"""Going on: decide if a speaker's words, after words of other people, still belong to the speaker's open question.

"Remind me to buy", another says "Batteries!", "stamps and an envelope" goes on; "Yes, one second" is for the other.
Not here: words soon after an answer (meant.py), the open question (utterances.py). Threads: any; pure.
"""

import re

from omi_actors.domain.hearing.meant import speaks_to_person
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
_MARK = re.compile(r"[,.!?:;…،؟।]")
# Conjunctions that add to a request, and the most words that they add: "and stamps".
_ADDING = words_of("and|or|plus|y|o|und|oder|et|ou|e|en|of|и|или|और|या|و|أو")
_MOST_ADDED = 6
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
    return _replies(text) or speaks_to_person(text, question)


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
        if reply in _REPLIES_APART and (count == len(words) or _MARK.search(words[count - 1]) is not None):
            return True
    return False
