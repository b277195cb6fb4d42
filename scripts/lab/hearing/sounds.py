"""Sounds of the name: count the renderings of a speech recogniser that wake, with the name and with words alike.

Run as scripts/run_python hearing.sounds.
Not here: making the renderings (renderings.py). Threads: none.
"""

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import click
import msgspec

from omi_actors.domain.hearing.names import may_wake, prepare
from omi_actors.domain.hearing.wake import find_wakes

_OMI = prepare(("omi",))

RENDERINGS = Path(__file__).parents[3] / "tests" / "hearing" / "renderings.json"

# Voices of espeak-ng: a language's, and after the plus another throat. Nothing of the second half is for tuning.
TUNED_VOICES = ("en-us", "en-us+f2", "en-us+m3", "en-gb", "en-gb+f4", "en-gb-scotland", "en-us-nyc+Annie", "en-029+m7")
HELD_OUT_VOICES = (
    *("en-us+f5", "en-us+m1", "en-gb-x-rp", "en-gb-x-rp+f3", "en-us-nyc", "en-gb-x-gbclan+m5", "en-gb-x-gbcwmd+f1"),
    "en-us+Andy",
)


class Rendering(NamedTuple):
    """A sentence that a voice said, at this many words a minute, and what the recogniser wrote."""

    voice: str
    rate: int
    said: str
    written: str

    @property
    def is_held_out(self) -> bool:
        """Return True if the rendering is not used for tuning."""
        return self.voice in HELD_OUT_VOICES

    @property
    def is_of_name(self) -> bool:
        """Return True if the wake phrase was said."""
        return " Omi" in self.said


def load_renderings(file: Path) -> tuple[Rendering, ...]:
    """Load all renderings of a file."""
    return msgspec.json.decode(file.read_bytes(), type=tuple[Rendering, ...])


# Greetings before the name; "hello, me" has lost no more of it than its o.
_GREETING = re.compile(r"\W*(?:hell(?=o, me [a-z])|(?:hey|hi|hello|okay|ok)\b)\W*", re.IGNORECASE)
# An o, then an m with a vowel, or "only" or "omni": the least of the name that a rendering may hold.
_TRACE = re.compile(r"o\W*h?\W*(?:m\W*[iey]|m?n[il])", re.IGNORECASE)
# Characters after the greeting, in which a trace is looked for.
_NAME_CHARS = 8


class Count(NamedTuple):
    """Renderings: those of a wake phrase with a trace of the name, and the share of them that wakes; others alike."""

    named: int
    traced: int
    woken: int
    others: int
    others_woken: int


def wakes(line: str) -> bool:
    """Return True if a line of speech wakes the wearable."""
    return any(not wake.is_open for wake in find_wakes(line, _OMI))


def has_trace(rendering: Rendering) -> bool:
    """Return True if what was written holds a trace of the name at its beginning."""
    greeting = _GREETING.match(rendering.written)
    start = greeting.end() if greeting else 0
    return _TRACE.search(rendering.written[start : start + _NAME_CHARS]) is not None


def count(renderings: Iterable[Rendering]) -> Count:
    """Count renderings, and those that wake."""
    rows = tuple(renderings)
    named = [row for row in rows if row.is_of_name]
    traced = [row for row in named if has_trace(row)]
    others = [row for row in rows if not row.is_of_name]
    return Count(
        len(named),
        len(traced),
        sum(wakes(row.written) for row in traced),
        len(others),
        sum(wakes(row.written) for row in others),
    )


# Languages with their list, its Debian package, and a sentence for each of its words.
_DICTIONARIES = {
    "en": ("wamerican", "dict/american-english", "Hey {}, what time is it?"),
    "de": ("wngerman", "dict/ngerman", "Hallo {}, wie spät ist es?"),
    "fr": ("wfrench", "dict/french", "Salut {}, quelle heure est-il ?"),
    "es": ("wspanish", "dict/spanish", "Oye {}, ¿qué hora es?"),
    "it": ("witalian", "dict/italian", "Ehi {}, che ore sono?"),
    "pt": ("wportuguese", "dict/portuguese", "Oi {}, que horas são?"),
    "nl": ("wdutch", "dict/dutch", "Hé {}, hoe laat is het?"),
    "pl": ("wpolish", "dict/polish", "Hej {}, what time is it?"),
    "ru": ("hunspell-ru", "hunspell/ru_RU.dic", "Привет {}, который час?"),
}
_ENGLISH = ("Hey {}, what time is it?", "Hey {} what time is it?")


def find_mistakes(words: Iterable[str], sentence: str) -> set[str]:
    """Return the words, other than the name, that wake after a greeting and before a question."""
    likely = (word for word in words if word == "only" or may_wake(word, _OMI))
    return {
        word
        for word in likely
        if word.casefold() != "omi" and any(wakes(form.format(word)) for form in (sentence, *_ENGLISH))
    }


@click.command()
@click.option(
    "--words", is_flag=True, help="Also word lists of nine languages, packages of Debian, installed if missing."
)
def main(*, words: bool) -> None:
    """Count the renderings that wake, and the words of languages that do so by mistake."""
    rows = load_renderings(RENDERINGS)
    for title, is_held_out in (("tuned", False), ("held out", True)):
        counted = count(row for row in rows if row.is_held_out is is_held_out)
        click.echo(f"{title:10}" + "  ".join(f"{name}: {part}" for name, part in counted._asdict().items()))
    for language, (package, place, sentence) in _DICTIONARIES.items() if words else ():
        file = Path("/usr/share") / place
        if not file.exists():
            run("apt-get", "install", "-y", "--no-install-recommends", package)
        listed = [line.partition("/")[0].strip() for line in file.read_text(encoding="utf-8").splitlines()]
        click.echo(f"{language}: {len(listed)} words, by mistake: {', '.join(sorted(find_mistakes(listed, sentence)))}")


def run(*command: str | Path) -> str:
    """Run a program and return what it prints."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout  # noqa: S603 (our words)


if __name__ == "__main__":
    main()
