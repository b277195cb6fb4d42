"""Question end: find the end of a question, at a question mark or after a sentence that asks or commands.

Not here: questions that a pause ends (utterances.py), the beginning of a question (wake.py). Threads: any; pure.
"""

import re

from omi_actors.domain.hearing import phrases
from omi_actors.domain.hearing.phrases import words_in, words_of

_TERMINATOR = re.compile(r"[?？؟.!。！।۔]+")
_QUESTION_MARKS = frozenset("?？؟")
# A dot after an abbreviation ends no sentence.
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:[^\W\d_]|dr|mr|mrs|ms|st|prof|vs|etc|no|nr|sr|sra|ca|bzw|[a-z]\.[a-z])$", re.IGNORECASE
)
_LEADING = re.compile(r"^[\s,.!?:;…–—、。，！？।؛،؟\"'”»」)-]+")
_WORD = re.compile(r"[^\W_]")
_FILLERS = words_of(phrases.FILLERS)
_ASKS_FIRST = words_of(*phrases.QUESTION_WORDS, *phrases.COMMANDS, phrases.AUXILIARIES)
_ASKS_ANYWHERE = words_of(phrases.ASKING_ANYWHERE)
_ASKS_ANYWHERE_UNSPACED = re.compile(phrases.ASKING_ANYWHERE_UNSPACED)
_ASKS_LAST = tuple(phrases.ASKING_AT_END_UNSPACED.split("|"))
# Dutch "there is" begins with a word that hesitates in English.
_THERE_IS = (["er", "is"], ["er", "was"])
_DANGLING = words_of(*phrases.DANGLING)
_WAITING = words_of(*phrases.WAITING)
_WAITING_UNSPACED = tuple(phrases.WAITING_UNSPACED.split("|"))
_HELPING, _HELPED = words_of(phrases.HELPING), words_of(phrases.HELPED)
# Words of a sentence that only asks to wait, or to help.
_FEW_WAITING, _FEW_ANNOUNCING = 4, 7
# "the capital of. New Zealand": speech-to-text writes a full stop for a breath.
_STOP_WITHIN = re.compile(r"(?<!\S)(\w+)\.(?=\s)")
_ACKNOWLEDGED = re.compile(
    rf"(?:(?:{'|'.join(sorted(words_of(*phrases.ACKNOWLEDGEMENTS), key=len, reverse=True))})(?:[\s,.!、。，！]+|$))+",
    re.IGNORECASE,
)
# Words, or letters of a script without blanks, that are only the beginning of a question: "when does", 卵は.
_FEW_WORDS = 2
_FEW_UNSPACED = 4
# All letters of scripts without blanks between words come after this one.
_FIRST_UNSPACED = "\u3000"
# Characters read at the end, or the beginning, of a sentence.
_EDGE_CHARS = 64


# Verbs of a reminder that need an object after them; languages with the verb last have none.
_NEEDS_OBJECT = words_of(
    "buy|get|call|send|bring|text|order|take|pick|book|email",
    "comprar|llamar|enviar|llevar|ligar|acheter|appeler|envoyer|comprare|chiamare|mandare|купить|позвонить|взять",
    "забрать|отправить|заказать|добавить",
)
_QUESTION_WORDS = words_of(*phrases.QUESTION_WORDS)
_COMMANDS = words_of(*phrases.COMMANDS)


def has_words(text: str) -> bool:
    """Return True when the text has a letter or a digit."""
    return _WORD.search(text) is not None


def is_dangling(text: str) -> bool:
    """Return True when the last word needs another word after it, or is the only word of a question so far."""
    words = words_in(text[-_EDGE_CHARS:])
    if len(words) == 1 and words[0] in _ASKS_FIRST:
        return _TERMINATOR.search(text) is None
    if not words:
        return False
    return words[-1] in _DANGLING or " ".join(words[-2:]) in _DANGLING or _lacks_object(text, words[-1])


def _lacks_object(text: str, last: str) -> bool:
    """Return True for "remind me to buy", but not for "tell me what to buy"."""
    if last not in _NEEDS_OBJECT:
        return False
    words = words_in(text[:_EDGE_CHARS])
    is_command = not _COMMANDS.isdisjoint((*words[:1], " ".join(words[:2])))
    return is_command and len(words) > 1 and _QUESTION_WORDS.isdisjoint(words)


def has_hardly_begun(text: str) -> bool:
    """Return True when these are only the first few words of a question, so that more words are likely."""
    words = words_in(text[:_EDGE_CHARS])
    if not words or _TERMINATOR.search(text) is not None:
        return False
    if words[0] >= _FIRST_UNSPACED:
        return sum(map(len, words)) <= _FEW_UNSPACED
    return len(words) <= _FEW_WORDS and words[0] in _ASKS_FIRST


def clean(text: str) -> str:
    """Remove from a question the punctuation after the wake phrase, and full stops in the middle of a sentence."""
    return _STOP_WITHIN.sub(_mend, _LEADING.sub("", text).strip())


def _mend(match: re.Match[str]) -> str:
    last = match[1].casefold()
    is_within = last in _DANGLING or _lacks_object(match.string[: match.end(1)], last)
    return match[1] if is_within else match[0]


def skip_leading(text: str) -> int:
    """Return the number of characters of punctuation and blanks before the words."""
    match = _LEADING.match(text)
    return match.end() if match else 0


def skip_acknowledgement(text: str) -> int:
    """Return the number of characters of thanks ("thank you. …") before a follow-up question."""
    blank = len(text) - len(text.lstrip())
    match = _ACKNOWLEDGED.match(text, blank)
    return match.end() if match else 0


def find_end(line: str, start: int, stop: int, max_chars: int) -> int | None:
    """Return the end of the question that begins at `start`, at most `stop`; None when only a pause can end it.

    A question of more than `max_chars` characters ends there, between two words. The cost is linear in its length.
    """
    cap = min(stop, start + max_chars)
    sentence_start = start
    for match in _TERMINATOR.finditer(line, start, cap):
        if not has_words(line[sentence_start : match.start()]):
            continue
        if not _QUESTION_MARKS.isdisjoint(match.group()):
            return match.end()
        if not _ends_sentence(line, match):
            continue
        sentence = line[sentence_start : match.start()]
        if is_dangling(sentence):
            continue
        if is_complete(sentence) and not only_announces(sentence):
            return match.end()
        sentence_start = match.end()
    return _cut_between_words(line, start, cap) if cap < stop else None


def find_last_end(text: str, start: int) -> int | None:
    """Return the end of the last sentence of `text` that ends after `start`; None if there is no such sentence."""
    last = None
    for match in _TERMINATOR.finditer(text, start):
        if _ends_sentence(text, match):
            last = match.end()
    return last


def _ends_sentence(line: str, match: re.Match[str]) -> bool:
    if match.group() == ".":
        after = line[match.end() : match.end() + 1]
        if after and not after.isspace() and after not in "\"'”»’)":
            return False
        return _ABBREVIATION.search(line[max(0, match.start() - 8) : match.start()]) is None
    return set(match.group()) != {"."}


def is_complete(sentence: str) -> bool:
    """Return True when a sentence asks or commands."""
    words = words_in(sentence)
    first = next((n for n, word in enumerate(words[:3]) if word not in _FILLERS), 0)
    if first and words[first - 1 : first + 1] in _THERE_IS:
        return False
    if words and (words[first] in _ASKS_FIRST or " ".join(words[first : first + 2]) in _ASKS_FIRST):
        return len(words) > 1
    if not _ASKS_ANYWHERE.isdisjoint(words) or _ASKS_ANYWHERE_UNSPACED.search(sentence):
        return True
    return sentence.rstrip().endswith(_ASKS_LAST)


def only_announces(sentence: str) -> bool:
    """Return True when a short command only announces a question: "Wait a second.", "Help us settle this."."""
    words = words_in(sentence[:_EDGE_CHARS])
    if len(words) > _FEW_ANNOUNCING or not words:
        return False
    first, pair = words[0], " ".join(words[:2])
    if not _HELPING.isdisjoint((first, pair)):
        return _HELPED.isdisjoint(words)
    is_waiting = len(words) <= _FEW_WAITING and not _WAITING.isdisjoint((first, pair))
    return is_waiting or first.startswith(_WAITING_UNSPACED)


def _cut_between_words(line: str, start: int, cap: int) -> int:
    blank = line.rfind(" ", start + (cap - start) // 2, cap)
    return cap if blank < 0 else blank
