"""Meant or not: decide by words and moment whether speech without a wake phrase is spoken to the wearable.

A sum of cues, positive for speech to the wearable: a question or a command of the kind that one gives a machine, few
words, words of the last answer; negative for talk among people: second person, names, tales, others who have spoken.
Not here: the words (meant_words.py), the model's own decision (domain/answers/silence.py). Threads: any; pure.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from omi_actors.domain.hearing import language, meant_words, phrases
from omi_actors.domain.hearing.language import guess_language
from omi_actors.domain.hearing.phrases import words_in, words_of
from omi_actors.domain.hearing.question_end import is_complete

# Least sums of speech that is meant: soon after an answer, then so clearly that no model need judge, and at any time.
FOLLOWING = 3
CLEAR = 4
ANY_TIME = 2
# Characters read of a text. Nobody asks a machine so long a question without its name.
_READ_CHARS = 400
# Words of a question that goes on from an answer, of a usual follow-up, and of the longest one.
_FEW, _USUAL, _MANY = 6, 14, 22
# Words of "and in Fahrenheit" without a question mark.
_FEWEST = 4
# Letters by which a word of the answer is known again, in another form too; shorter words say nothing.
_STEM_CHARS = 5
_LEAST_CHARS = 4
# Seconds after an answer in which most follow-ups come; a person may allow a minute.
_SOON_S = 10.0

_SENTENCE = re.compile(r"[^.!?…。！？؟।]+[.!?…。！？؟।]*")
_QUESTION_MARKS = frozenset("?？؟")
_AROUND = '"“”„«»()[]{}.,!?:;¿¡…–—、。，！？：；،؟؛।۔「」『』'
_FORMAL = re.compile(r"(?<=[^.!?] )(?:Sie|Ihnen|Ihre?[nmrs]?)\b")
_NAME = r"[^\W\d_a-zà-ÿ]\w+"
_CALLED_FIRST = re.compile(rf"\W*({_NAME})(?: {_NAME})?,")
_PART = re.compile(r"[^,،、，]*\w[,،、，]")
_CALLED_LAST = re.compile(rf", ({_NAME})\W*$")
_CALLED_APART = re.compile(r"\W*(\w+(?: \w+)?)[,،、，]")
# "Look under your bed, Tom.", but not "Portland, Maine".
_CALLED_AFTER = re.compile(rf"(?:\w\S* ){{2,}}\S+, {_NAME}[.!]*$")
_VOCATIVE = re.compile(r"(?:^|\s)يا\s+(?!أومي|اومي)\w")
_NO = words_of("no|nope|nein|non|não|nee|нет|नहीं|لا")
# Languages by their rows in the tables; those of the Latin alphabet come first.
_CODES = ("en", "es", "de", "fr", "pt", "it", "nl", "ru", "hi", "ar")
_LATIN = _CODES[:7]

_FILLERS = words_of(phrases.FILLERS)
_THANKS = words_of(*phrases.ACKNOWLEDGEMENTS)
# Words before a question that say nothing; "and" says that it goes on from the answer.
_SKIPPED = (_FILLERS | _THANKS) - words_of(*meant_words.GOING_ON)
_SAYS_NOTHING = words_of(*language.COMMON, *phrases.QUESTION_WORDS, meant_words.TIMES)
_COMMAND_UNSPACED = re.compile(meant_words.MACHINE_COMMANDS_UNSPACED)
_SECOND_UNSPACED = re.compile(meant_words.SECOND_PERSON_UNSPACED)
_TOGETHER_UNSPACED = re.compile(meant_words.TOGETHER_UNSPACED)
_CALLED_UNSPACED = re.compile(meant_words.CALLED_UNSPACED)
_TELLING_UNSPACED = re.compile(meant_words.TELLING_UNSPACED)
_POINTING_UNSPACED = re.compile(meant_words.POINTING_UNSPACED)


class _Cues(NamedTuple):
    """Searches for the cues of one language."""

    second: re.Pattern[str]
    second_verbs: re.Pattern[str]
    together: re.Pattern[str]
    together_verbs: re.Pattern[str]
    called: re.Pattern[str]
    talk: re.Pattern[str]
    pointing: re.Pattern[str]
    first: re.Pattern[str]
    can_you: re.Pattern[str]
    machine_verbs: re.Pattern[str]
    to_a_machine: re.Pattern[str]
    going_on: re.Pattern[str]
    correcting: re.Pattern[str]
    commands: re.Pattern[str]
    person_commands: re.Pattern[str]
    tags: re.Pattern[str]
    verbs_first: re.Pattern[str]
    service: re.Pattern[str]
    choice: re.Pattern[str]
    articles: re.Pattern[str]


def _any_of(row: str) -> str:
    return f"(?:{'|'.join(map(re.escape, sorted(row.split('|'), key=len, reverse=True)))})"


def _whole(row: str) -> re.Pattern[str]:
    """Search for one of these words or phrases as a whole; a word with an apostrophe at its end goes on."""
    return re.compile(rf"(?<!\w){_any_of(row)}(?:(?<=')|(?!\w))")


def _after(table: tuple[str, str] | None) -> re.Pattern[str]:
    """Search for a verb after any of some words; without a table nothing is found."""
    return re.compile(rf"(?:{_any_of(table[0])} )*(?:{table[1]})" if table is not None else r"(?!)")


@lru_cache(maxsize=len(_CODES))
def _cues_of(code: str) -> _Cues:
    n = _CODES.index(code)
    return _Cues(
        second=_whole(meant_words.SECOND_PERSON[n]),
        second_verbs=_after(meant_words.SECOND_PERSON_VERBS.get(code)),
        together=_whole(meant_words.TOGETHER[n]),
        together_verbs=_after(meant_words.TOGETHER_VERBS.get(code)),
        called=_whole(meant_words.CALLED[n]),
        talk=_whole(meant_words.TALK[n]),
        pointing=_whole(meant_words.POINTING[n]),
        first=_whole(meant_words.FIRST_PERSON[n]),
        can_you=_whole(meant_words.CAN_YOU[n]),
        machine_verbs=_whole(meant_words.MACHINE_VERBS[n]),
        to_a_machine=_whole(meant_words.TO_A_MACHINE[n]),
        going_on=_whole(meant_words.GOING_ON[n]),
        correcting=_whole(meant_words.CORRECTING[n]),
        commands=re.compile(_any_of(meant_words.MACHINE_COMMANDS[n])),
        person_commands=_whole(meant_words.PERSON_COMMANDS[n]),
        tags=re.compile(rf", ?{_any_of(meant_words.TAGS[n])}\s*[?？؟]"),
        verbs_first=_whole(meant_words.VERBS_FIRST[n]),
        service=_whole(meant_words.SERVICE[n]),
        choice=re.compile(rf"\S+ (?:\S+ )?(?:{meant_words.OR[n]}) \S+(?: \S+)?$"),
        articles=re.compile(meant_words.ARTICLES.get(code, "(?!)")),
    )


class Moment(NamedTuple):
    """Circumstances of speech: seconds since the last answer; its stems and language.

    `is_owners`: the wearer asked for that answer. `is_among_others`: another person has spoken since, or speaks now.
    """

    after_s: float = 0.0
    topic: frozenset[str] = frozenset()
    language: str = ""
    is_owners: bool = False
    is_among_others: bool = False


def is_meant(text: str, moment: Moment, least: int, after: str = "") -> bool:
    """Return True if these words, spoken without a wake phrase, are a question or command to the wearable.

    `after` are the speaker's words behind them, as far as they were heard.

    Example:
        is_meant("And in Fahrenheit?", Moment(2.0), FOLLOWING)          # True
        is_meant("Did you feed the cat?", Moment(2.0), FOLLOWING)       # False
    """
    return sum(weigh(text, moment, after).values()) >= least


def is_command(text: str) -> bool:
    """Return True if these words are a command that one gives a machine, or correct it: "Make it twelve."."""
    cues = weigh(text, Moment())
    return cues.get("command", 0) > 0 or cues.get("correcting", 0) > 0


def weigh(text: str, moment: Moment, after: str = "") -> dict[str, int]:
    """Return the cues in these words with their weights."""
    text = text[-_READ_CHARS:].strip().replace("’", "'")
    sentences = _cut(text)
    if not sentences:
        return {}
    *before, last = sentences
    cues = _cues_of(_choose_language(text, moment))
    folded = _bare(last)
    going_on = cues.going_on.match(folded)
    rest = folded[going_on.end() :].lstrip() if going_on is not None else folded
    return (
        _weigh_form(last, folded, rest, cues, is_alone=not before)
        | _weigh_people(last, folded, rest, cues)
        | _weigh_before(before, cues)
        | _weigh_after(after, cues)
        | _weigh_moment(folded, moment)
    )


def _cut(text: str) -> list[str]:
    return [one.strip() for one in _SENTENCE.findall(text) if any(map(str.isalnum, one))]


def _choose_language(text: str, moment: Moment) -> str:
    """Return the language of the cues: that of the last answer, since few words do not show theirs."""
    code = guess_language(text)
    if moment.language in _LATIN and (code in _LATIN or code not in _CODES):
        return moment.language
    return code if code in _CODES else language.ENGLISH


def speaks_to_person(text: str, question: str) -> bool:
    """Return True if these words, in the language of a question, speak to a person, or call one."""
    cues = _cues_after(text, question)
    folded = " ".join(words_in(text))
    return _calls(text, cues) or _is_found(cues.to_a_machine.sub("", folded), cues.second, _SECOND_UNSPACED)


def calls_person(text: str, question: str) -> bool:
    """Return True if these words, in the language of a question, call a person: "Tom, are you there?"."""
    return _calls(text, _cues_after(text, question))


def orders_person(text: str, question: str) -> bool:
    """Return True if these words, in the language of a question, begin with an order for people: "Come here."."""
    return _cues_after(text, question).person_commands.match(_bare(text)) is not None


def _cues_after(text: str, question: str) -> _Cues:
    """Return the cues for words that follow a question."""
    return _cues_of(_choose_language(text, Moment(language=guess_language(question))))


def _calls(text: str, cues: _Cues) -> bool:
    first = _CALLED_APART.match(text.casefold())
    if first is not None and _is_found(first[1], cues.called, _CALLED_UNSPACED):
        return True
    return _CALLED_AFTER.search(text) is not None or _VOCATIVE.search(text) is not None


def find_topic(text: str) -> frozenset[str]:
    """Return the stems of the content words at the beginning of a question or an answer, some dozens."""
    return frozenset(_stems(text[:_READ_CHARS].casefold().split()))


def _stems(words: Iterable[str]) -> set[str]:
    bare = (part for word in words for part in word.strip(_AROUND).replace("'", " ").replace("-", " ").split())
    return {word[:_STEM_CHARS] for word in bare if word not in _SAYS_NOTHING and len(word) >= _LEAST_CHARS}


def _bare(sentence: str) -> str:
    """Return the words of a sentence as the tables write them, without fillers and thanks at the beginning."""
    words = words_in(sentence)
    while len(words) > 1 and words[0] in _SKIPPED:
        del words[0]
    return " ".join(words)


def _weigh_form(last: str, folded: str, rest: str, cues: _Cues, *, is_alone: bool) -> dict[str, int]:
    """Weigh whether the last sentence asks or commands, and in which form. `rest` is without an "and" before it."""
    words = folded.count(" ") + 1
    is_command = cues.commands.match(rest) is not None or _COMMAND_UNSPACED.search(folded) is not None
    correcting = cues.correcting.match(rest) if words <= _FEW else None
    # "No, the bread" corrects, "no bread for me" tells.
    is_correcting = correcting is not None and (correcting.group() not in _NO or _PART.match(last) is not None)
    is_told = cues.first.match(rest) is not None or _TELLING_UNSPACED.search(folded) is not None
    # Without any mark the form alone shows a question.
    has_form = is_complete(folded) or (last[-1].isalnum() and cues.verbs_first.match(rest) is not None)
    is_asking = not _QUESTION_MARKS.isdisjoint(last) or (has_form and not is_told)
    goes_on = rest is not folded and (words <= _FEW if is_asking else words <= _FEWEST and not is_told)
    is_telling = not (is_asking or is_command or is_correcting or goes_on)
    pointing = _bare(cues.articles.sub("", last))
    is_pointing = cues.pointing.search(pointing) is not None or _POINTING_UNSPACED.search(folded) is not None
    # A question that is whole and alone may have more words than one that goes on from the answer.
    is_few = words <= _FEW or (words <= _USUAL and is_alone and is_asking and is_complete(rest))
    return {
        "asking": 2 * is_asking,
        "command": 3 * is_command,
        "correcting": 3 * (is_correcting and not is_asking),
        "going on": 2 * goes_on,
        "few": 1 * is_few,
        "many": -(words > _USUAL) - 2 * (words > _MANY),
        "pointing": 1 * is_pointing,
        "telling": -3 * is_telling,
        "tag": -2 * (cues.tags.search(last.casefold()) is not None),
    }


def _weigh_people(last: str, folded: str, rest: str, cues: _Cues) -> dict[str, int]:
    """Weigh the cues that a person is spoken to."""
    return {
        "second person": _weigh_second(last, folded, cues),
        "order": -4 * (cues.person_commands.match(rest) is not None and cues.commands.match(rest) is None),
        "together": -2 * _is_found(folded, cues.together, cues.together_verbs, _TOGETHER_UNSPACED),
        "called": -4 * _is_found(folded, cues.called, _CALLED_UNSPACED),
        "name": -3 * _has_name(last, cues),
        "talk": -2 * _is_found(folded, cues.talk),
        "service": -2 * _is_found(folded, cues.service),
        # "Cash or card?" lets a person choose; a choice that a machine can make is a whole question.
        "choice": -2 * (cues.choice.match(rest) is not None and not is_complete(rest)),
    }


def _weigh_second(last: str, folded: str, cues: _Cues) -> int:
    """Weigh the second person: "did you eat?" is for a person, "are you sure?" or "can you repeat that?" may be."""
    request = cues.can_you.search(folded) if cues.machine_verbs.search(folded) is not None else None
    if request is not None:
        # "Can you tell me what you think?" is for a person.
        folded, last = folded[: request.start()] + folded[request.end() :], ""
    if cues.to_a_machine.search(folded) is not None or (request is not None and not _is_found(folded, cues.second)):
        return 1
    is_second = _is_found(folded, cues.second, _SECOND_UNSPACED) or cues.second_verbs.match(folded) is not None
    return -4 * (is_second or _FORMAL.search(last) is not None)


def _is_found(folded: str, *patterns: re.Pattern[str]) -> bool:
    return any(pattern.search(folded) is not None for pattern in patterns)


def _has_name(sentence: str, cues: _Cues) -> bool:
    """Return True if a sentence begins or ends with a name that somebody is called by, apart by a comma."""
    found = _CALLED_FIRST.match(sentence) or _CALLED_LAST.search(sentence)
    if found is None:
        return False
    word = found[1].casefold()
    is_other = word in _FILLERS | _THANKS or cues.commands.match(word) is not None
    return not is_other and not _is_found(word, cues.correcting, cues.pointing, cues.going_on)


def _weigh_before(before: Sequence[str], cues: _Cues) -> dict[str, int]:
    """Weigh the sentences before the last: a tale, thanks for the answer, or another command."""
    told = [one for one in map(_bare, before) if one not in _THANKS and cues.commands.match(one) is None]
    is_personal = any(_is_found(folded, cues.second, cues.called, cues.talk) for folded in told)
    return {"tale": -min(4, 2 * len(told)), "tale of persons": -2 * is_personal}


def _weigh_after(after: str, cues: _Cues) -> dict[str, int]:
    """Weigh the sentences behind a question: its speaker goes on to tell something, or speaks to a person."""
    sentences = [one for one in _cut(after) if _bare(one) not in _THANKS]
    is_told = any(_QUESTION_MARKS.isdisjoint(one) and cues.commands.match(_bare(one)) is None for one in sentences)
    is_personal = any(_is_found(_bare(one), cues.second, cues.called) for one in sentences)
    return {"tale after": -2 * is_told, "persons after": -2 * is_personal}


def _weigh_moment(folded: str, moment: Moment) -> dict[str, int]:
    """Weigh the moment: words of the last answer, time since, others who have spoken."""
    return {
        "topic": 2 * (not moment.topic.isdisjoint(_stems(folded.split()))),
        "late": -(moment.after_s > _SOON_S),
        "others": -3 * moment.is_among_others,
    }
