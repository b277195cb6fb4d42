"""Dates as words of the index, and dates that a question names: "on Monday", "im März 2024", "hace dos días".

Each text has the terms of its day, month, year, name of month and weekday, in its person's time zone. A date of a
question is a tuple of terms, of which a text needs one. English, German, Spanish and French.
Not here: other words (words.py), scores (recall.py). Threads: any; pure.
"""

import datetime as dt
import re
from collections.abc import Container, Iterator, Sequence

from omi_actors.domain.people.words import split_words, strip_accents

_MONTHS = (
    "january januar enero janvier jan|february februar febrero fevrier feb|march marz marzo mars|april abril avril|"
    "may mai mayo|june juni junio juin|july juli julio juillet|august agosto aout|september septiembre setiembre"
    " septembre sept|october oktober octubre octobre|november noviembre novembre|december dezember diciembre decembre"
)
_WEEKDAYS = (
    "monday montag lunes lundi|tuesday dienstag martes mardi|wednesday mittwoch miercoles mercredi|"
    "thursday donnerstag jueves jeudi|friday freitag viernes vendredi|saturday samstag sonnabend sabado samedi|"
    "sunday sonntag domingo dimanche"
)
_NUMBERS = (
    "a one ein einem einer eine uno un una|two zwei dos deux|three drei tres trois|four vier cuatro quatre|"
    "five funf cinco cinq|six sechs seis|seven sieben siete|eight acht ocho huit|nine neun nueve neuf|ten zehn diez"
)


def _numbered(table: str, start: int) -> dict[str, int]:
    return {word: number for number, row in enumerate(table.split("|"), start) for word in row.split()}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_MONTH_OF = _numbered(_MONTHS, 1)
_WEEKDAY_OF = _numbered(_WEEKDAYS, 0)
_NUMBER_OF = _numbered(_NUMBERS, 1)
# Words that are names of months only beside a number or one of these.
_AMBIGUOUS = frozenset({"may", "march", "mars", "sept"})
_BEFORE_MONTH = _words("in of since until last this im seit bis en de desde hasta depuis")
_DAYS_AGO = {
    **dict.fromkeys(("today", "heute", "hoy", "aujourd"), 0),
    **dict.fromkeys(("yesterday", "gestern", "ayer", "hier"), 1),
    **dict.fromkeys(("vorgestern", "anteayer", "antier"), 2),
}
_LAST = _words("last previous letzte letzten letzter letztes vorige vorigen pasado pasada dernier derniere")
_WEEK = _words("week woche semana semaine")
_MONTH = _words("month monat mes mois")
_DAYS = _words("day days tag tage tagen dia dias jour jours")
_AGO = _words("ago vor hace il")
_ORDINAL = re.compile(r"(\d{1,2})(?:st|nd|rd|th|er|o)?")
_NUMERIC = re.compile(r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b|\b(\d{1,2})[./](\d{1,2})[./](\d{4})\b")
_YEARS = range(1950, 2100)

Terms = tuple[str, ...]


def build_date_terms(at: float, zone: dt.tzinfo) -> Terms:
    """Return the index terms of a time (UTC seconds): its day, month, year, name of month and weekday."""
    day = dt.datetime.fromtimestamp(at, zone).date()
    return (_day(day), _month(day), f"_y{day.year}", f"_n{day.month:02d}", f"_w{day.weekday()}")


def _day(day: dt.date) -> str:
    return f"_d{day:%Y%m%d}"


def _month(day: dt.date) -> str:
    return f"_m{day:%Y%m}"


def find_dates(text: str, today: dt.date) -> list[Terms]:
    """Return the dates that a question names. Each is a tuple of terms, one of which a text of that date has."""
    return [*_find_numeric(text), *_Reader(split_words(strip_accents(text)), today).read()]


def _find_numeric(text: str) -> Iterator[Terms]:
    for year, month, day, day2, month2, year2 in _NUMERIC.findall(text):
        try:
            yield (_day(dt.date(int(year or year2), int(month or month2), int(day or day2))),)
        except ValueError:
            continue


class _Reader:
    """Reads the dates of a question's words."""

    def __init__(self, words: Sequence[str], today: dt.date) -> None:
        self._words = words
        self._today = today

    def read(self) -> Iterator[Terms]:
        for place, word in enumerate(self._words):
            if word in _WEEKDAY_OF:
                yield self._weekday(place, _WEEKDAY_OF[word])
            elif word in _MONTH_OF:
                yield from self._month_name(place, _MONTH_OF[word])
            elif word.isdigit() and int(word) in _YEARS and not self._is_near(place, _MONTH_OF.keys()):
                yield (f"_y{word}",)
            else:
                yield from self._relative(place, word)

    def _relative(self, place: int, word: str) -> Iterator[Terms]:
        """Read dates that count from today."""
        if word in _DAYS_AGO:
            yield self._days_ago(_DAYS_AGO[word])
        elif word in _DAYS and (count := self._count_near(place)) and self._is_near(place, _AGO, 4):
            yield self._days_ago(count)
        elif word in _WEEK and self._is_near(place, _LAST):
            monday = self._today - dt.timedelta(days=self._today.weekday() + 7)
            yield tuple(_day(monday + dt.timedelta(days=days)) for days in range(7))
        elif word in _MONTH and self._is_near(place, _LAST):
            yield (_month(self._today.replace(day=1) - dt.timedelta(days=1)),)

    def _days_ago(self, days: int) -> Terms:
        return (_day(self._today - dt.timedelta(days=days)),)

    def _weekday(self, place: int, weekday: int) -> Terms:
        if not self._is_near(place, _LAST, 1):
            return (f"_w{weekday}",)
        return self._days_ago((self._today.weekday() - weekday - 1) % 7 + 1)

    def _month_name(self, place: int, month: int) -> Iterator[Terms]:
        near = [self._words[at] for at in self._places(place, 2)]
        days = [int(match[1]) for word in near if (match := _ORDINAL.fullmatch(word)) and 1 <= int(match[1]) <= 31]  # noqa: PLR2004 (days of a month)
        years = [int(word) for word in near if word.isdigit() and int(word) in _YEARS]
        is_name = self._words[place] not in _AMBIGUOUS or bool({*near[:1]} & _BEFORE_MONTH)
        if days:
            some = years or [self._today.year - back for back in range(3)]
            yield tuple(f"_d{year}{month:02d}{days[0]:02d}" for year in some)
        elif years:
            yield (f"_m{years[0]}{month:02d}",)
        elif is_name:
            yield (f"_n{month:02d}",)

    def _count_near(self, place: int) -> int:
        """Return the number before a word; 0 if there is none."""
        word = self._words[place - 1] if place else ""
        return int(word) if word.isdigit() and len(word) <= 3 else _NUMBER_OF.get(word, 0)  # noqa: PLR2004 (days)

    def _is_near(self, place: int, words: Container[str], reach: int = 2) -> bool:
        return any(self._words[at] in words for at in self._places(place, reach))

    def _places(self, place: int, reach: int) -> list[int]:
        """Return the places within `reach` of a word, the one before it first."""
        steps = [step for near in range(1, reach + 1) for step in (-near, near)]
        return [place + step for step in steps if 0 <= place + step < len(self._words)]
