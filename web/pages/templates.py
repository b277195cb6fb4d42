"""The pages' own files: templates, style and script, read once.

Not here: what is put into them (dashboard.py, error_pages.py). Threads: the event loop's.
Templates escape every value.
"""

from functools import cache
from importlib.resources import files
from typing import Any

from tornado.template import DictLoader


@cache
def read_asset(name: str) -> bytes:
    """Return one file as it is."""
    return (files("web.pages") / name).read_bytes()


def render(name: str, **values: Any) -> bytes:
    """Return the page of a template."""
    return _loader().load(name).generate(**values)


@cache
def _loader() -> DictLoader:
    own = (file for file in files("web.pages").iterdir() if file.name.endswith(".html"))
    return DictLoader({file.name: file.read_text(encoding="utf-8") for file in own})
