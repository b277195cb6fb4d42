"""The server's prompts: TOML files of the program, and of the operator's folder, which may replace them.

Not here: a person's own (omi_actors/store/people/prompts.py). Threads: read once, when the server starts.
"""

import tomllib
from collections.abc import Iterable, Mapping
from importlib.abc import Traversable
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from omi_actors.domain.people.prompts import MAX_CHARS, NAME, OUTPUT_TYPES, TEXT, NamedPrompt
from omi_actors.errors import SettingsError

_KEYS = {"about", "text", "output_type"}
_END = ".toml"


def load_prompts(folder: Path | None) -> Mapping[str, NamedPrompt]:
    """Return the server's prompts by their names.

    Raises:
        SettingsError: the operator's folder or a file of it cannot be read; the message names it.
    """
    found = _read_all((files("web.prompts") / "shipped").iterdir())
    if folder is not None:
        try:
            found |= _read_all(folder.iterdir())
        except OSError as exc:
            raise SettingsError(f"PROMPTS_DIR cannot be read: {exc.strerror or exc}") from exc
    return MappingProxyType(dict(sorted(found.items())))


def _read_all(places: Iterable[Traversable]) -> dict[str, NamedPrompt]:
    named = {place.name.removesuffix(_END): place for place in places if place.name.endswith(_END)}
    return {name: _read(name, place) for name, place in named.items()}


def _read(name: str, place: Traversable) -> NamedPrompt:
    try:
        values = tomllib.loads(place.read_text(encoding="utf-8"))
    except ValueError as exc:
        raise SettingsError(f"the prompt {place.name} is not TOML in UTF-8: {exc}") from exc
    text, about, output_type = (values.get(key, other) for key, other in _DEFAULTS)
    is_whole = isinstance(about, str) and isinstance(text, str) and 0 < len(text.strip()) <= MAX_CHARS
    if not (is_whole and output_type in OUTPUT_TYPES and NAME.fullmatch(name) and values.keys() <= _KEYS):
        raise SettingsError(
            f"the prompt {place.name} must have a `text` of at most {MAX_CHARS} characters, and may have `about` and an"
            f" `output_type` ({', '.join(OUTPUT_TYPES)}); its name has small letters, digits, - and _."
        )
    return NamedPrompt(prompt_id=name, name=name, about=about, text=text.strip(), output_type=output_type)


_DEFAULTS = (("text", ""), ("about", ""), ("output_type", TEXT))
