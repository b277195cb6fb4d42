"""Guesses the language of a short text: by its letters, or for the Latin alphabet by the most frequent words.

It knows the twelve languages of phrases.py; English is the default. Only fixed sentences need it: a
model finds the language of a question itself. Not here: the sentences (sentences.py). Threads: any; pure; linear.
"""

import re
from collections import Counter

from omi_actors.domain.hearing import phrases
from omi_actors.domain.hearing.phrases import words_in, words_of

ENGLISH = "en"
# The languages that a person may choose for answers, in the words of the instruction to a model.
LANGUAGES = {
    "en": "English",
    "es": "Spanish",
    "de": "German",
    "fr": "French",
    "pt": "Portuguese",
    "it": "Italian",
    "nl": "Dutch",
    "ru": "Russian",
    "ja": "Japanese",
    "zh": "Chinese",
    "hi": "Hindi",
    "ar": "Arabic",
}
# Characters that are read: the first words show a language.
_LOOKED_AT = 400
# Scripts by their signs. Japanese mixes its own with those of Chinese.
_KANA = re.compile(r"[\u3040-\u30ff]")
_SCRIPTS = (
    ("zh", re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
)
# In the order of the rows in phrases.py.
_LATIN = ("en", "es", "de", "fr", "pt", "it", "nl")
# The commonest words that no question of phrases.py has: articles, pronouns, "to be", "to have",
# prepositions.
COMMON = (
    (
        "the|of|a|an|to|and|or|my|your|is|are|was|were|it|you|me|we|they|he|she|this|that|there|do|does|did|can|will"
        "|with|for|in|on|at|from|have|has|not|i|could|can't|couldn't"
    ),
    (
        "es|son|está|están|hay|el|la|los|las|un|una|mi|tu|su|se|me|lo|al|en|con|más|muy|hoy|no|a|y|puedo|pude|tengo"
        "|tiene|puede|hace|va|sobre|esta|este|ahora|tiempo"
    ),
    (
        "ist|sind|war|der|die|das|den|dem|des|ein|eine|einen|ich|du|er|sie|es|wir|ihr|mein|meine|mir|mich|nicht|und"
        "|heute|für|mit|auf|im|gibt|hat|habe|kann|zu|viel|viele|am|vom|uhr"
    ),
    (
        "est|sont|le|la|les|un|une|des|du|je|tu|il|elle|nous|vous|me|mon|ma|mes|ce|cette|dans|sur|avec|pour|pas|ne|et|y"
        "|a|fait|aujourd'hui|moi|se|en|au"
    ),
    (
        "é|são|está|estão|o|os|as|a|um|uma|do|da|dos|das|no|na|me|meu|minha|você|eu|não|hoje|tem|faz|vai|com|para|em|ao"
        "|até|que|horas|pra|pro|lá|aí|tá|ele|ela|ou|foi"
    ),
    (
        "è|sono|il|la|le|lo|gli|un|uno|una|di|del|della|dei|dal|dalla|nel|nella|mio|mia|che|non|oggi|ho|ha|fa|si|con|per"
        "|in|alla|al|a|mi|questa|questo|più|c'è"
    ),
    "is|zijn|het|de|een|ik|je|jij|hij|wij|mijn|niet|vandaag|van|met|voor|op|aan|naar|er|hebben|heeft|heb|kan|wat|te|dat",
)
# Letters that one language has, or few.
_LETTERS = {"es": "ñ¿¡", "de": "ßäü", "pt": "ãõâ", "fr": "êœëî", "it": "ìò"}
_MARKERS = tuple(
    words_of(*rows)
    for rows in zip(
        COMMON,
        phrases.QUESTION_WORDS[: len(_LATIN)],
        phrases.COMMANDS[: len(_LATIN)],
        phrases.DANGLING[: len(_LATIN)],
        phrases.ACKNOWLEDGEMENTS[: len(_LATIN)],
        strict=True,
    )
)
# A word of several languages counts less for each.
_SHARED = Counter(word for markers in _MARKERS for word in markers)


def guess_language(text: str) -> str:
    """Return the two-letter code of the text's language, "en" by default."""
    looked_at = text[:_LOOKED_AT]
    letters = sum(char.isalpha() for char in looked_at)
    for language, sign in _SCRIPTS:
        # A foreign name in a sentence does not make its language.
        if 3 * len(sign.findall(looked_at)) > letters:
            return "ja" if language == "zh" and _KANA.search(looked_at) else language
    return _guess_latin(looked_at)


def _guess_latin(text: str) -> str:
    words = words_in(text)
    scores = {
        language: sum(1 / _SHARED[word] for word in words if word in markers)
        + sum(char in _LETTERS.get(language, "") for char in text.casefold())
        for language, markers in zip(_LATIN, _MARKERS, strict=True)
    }
    best = max(scores, key=scores.__getitem__)
    return best if scores[best] > scores[ENGLISH] else ENGLISH
