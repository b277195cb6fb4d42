"""Make renderings: synthetic voices speak wake phrases and words that sound alike, and a speech recogniser writes them.

Run as scripts/run_python hearing.renderings. It installs the voices (`espeak-ng`, a Debian package) and the recogniser
(`moonshine-cpp`, a wheel with its English model inside) where they are missing, for itself alone.
Not here: counting the renderings that wake (sounds.py). Threads: one.
"""

import array
import json
import shutil
import tempfile
import venv
import wave
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from scripts.lab.hearing.sounds import HELD_OUT_VOICES, RENDERINGS, TUNED_VOICES, Rendering, load_renderings, run

_RECOGNISER = "moonshine-cpp==0.1.4"
_HOME = Path(__file__).parents[3] / "build" / "recogniser"
# Words a minute: slow, and the voices' own.
_RATES = (140, 175)
# Samples a second that the recogniser's model reads.
_SAMPLES_PER_S = 16_000

# Each half has sentences of its own, so that no held-out rendering is a tuned one.
_TUNED = (
    "Hey Omi, what time is it?",
    "Hey Omi, remind me to buy milk tomorrow.",
    "Hi Omi, how far is the moon?",
    "Hello Omi, tell me a joke.",
    "Okay Omi, set a timer for ten minutes.",
    "Hey Omi, who wrote this song?",
    "Hey Omi. Can you add bread to my list?",
    "Hi Omi, play some quiet music.",
)
_HELD_OUT = (
    "Hey Omi, where is the nearest station?",
    "Hey Omi, call my sister at noon.",
    "Hi Omi, what is the weather like today?",
    "Hello Omi, explain how a fridge works.",
    "Okay Omi, turn on the kitchen light.",
    "Hey Omi, why is the sky blue?",
    "Hey Omi. Do I need an umbrella?",
    "Hi Omi, read my last note.",
)
_TUNED_OTHERS = (
    "Hey Naomi, what time is it?",
    "Hey Romy, tell me a joke.",
    "Hi Tommy, how far is the station?",
    "Okay, the army is what he left.",
    "Hello, economy is what we study.",
    "Hey mommy, can you help me?",
)
_HELD_OUT_OTHERS = (
    "Hi Naomi, where is the station?",
    "Hello Romy, call my sister.",
    "Hey Tommy, why is the sky blue?",
    "Hey, army food is what we eat.",
    "Okay, the economy is why we left.",
    "Hi Jeremy, do I need an umbrella?",
)

# Renderings of one run of the recogniser; it loads its model each time.
_AT_ONCE = 32
# The wheel cannot read back some of its own texts: those are as good as nothing.
_WRITE = """
import sys, moonshine_cpp
model = moonshine_cpp.MoonshineModel()
for file in sys.argv[1:]:
    try:
        print(" ".join(model.transcribe_wav(file).split()))
    except UnicodeDecodeError:
        print()
"""


@click.command()
@click.option("--file", type=click.Path(path_type=Path), default=RENDERINGS, show_default=True)
def main(file: Path) -> None:
    """Add to the file the renderings that it has not. One takes about a second."""
    done = load_renderings(file) if file.exists() else ()
    known = {rendering[:3] for rendering in done}
    missing = [asked for asked in _all_asked() if asked not in known]
    rows = list(done)
    for rendering in _render(missing):
        rows.append(rendering)
        file.write_text("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n")
    click.echo(f"{len(rows) - len(done)} new renderings, {len(rows)} in all")


def _all_asked() -> Iterator[tuple[str, int, str]]:
    """Return what is to be said: voice, rate and sentence. Every sentence once before any in another rate."""
    halves = ((TUNED_VOICES, _TUNED + _TUNED_OTHERS), (HELD_OUT_VOICES, _HELD_OUT + _HELD_OUT_OTHERS))
    for rate in _RATES:
        for voices, sentences in halves:
            for said in sentences:
                for voice in voices:
                    yield voice, rate, said


def _render(asked: Sequence[tuple[str, int, str]]) -> Iterator[Rendering]:
    python = _install()
    for start in range(0, len(asked), _AT_ONCE):
        part = asked[start : start + _AT_ONCE]
        with tempfile.TemporaryDirectory() as folder:
            files = [_speak(Path(folder) / f"{n}.wav", *one) for n, one in enumerate(part)]
            written_of = run(python, "-c", _WRITE, *files).splitlines()
        for one, written in zip(part, written_of, strict=True):
            yield Rendering(*one, written)


def _install() -> Path:
    """Return the Python of an environment with the recogniser, which is made where it is missing."""
    if shutil.which("espeak-ng") is None:
        run("apt-get", "install", "-y", "--no-install-recommends", "espeak-ng")
    python = _HOME / "bin" / "python"
    if not python.exists():
        venv.create(_HOME, with_pip=True)
        run(python, "-m", "pip", "install", _RECOGNISER)
    return python


def _speak(file: Path, voice: str, rate: int, said: str) -> Path:
    """Make a file with the sentence, in the recogniser's samples: between two of the voice's, a straight line."""
    run("espeak-ng", "-v", voice, "-s", str(rate), "-w", file, said)
    with wave.open(str(file)) as sound:
        step = sound.getframerate() / _SAMPLES_PER_S
        samples = array.array("h", sound.readframes(sound.getnframes()))
    places = (n * step for n in range(int((len(samples) - 1) / step)))
    between = ((int(at), at % 1) for at in places)
    mended = array.array("h", (int(samples[n] + (samples[n + 1] - samples[n]) * part) for n, part in between))
    with wave.open(str(file), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(_SAMPLES_PER_S)
        sound.writeframes(mended.tobytes())
    return file


if __name__ == "__main__":
    main()
