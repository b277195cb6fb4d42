"""Addresses and keys of the servers that the program calls: harmless slips are mended, others are refused.

Not here: the fields (groups/model.py, groups/delivery.py), the calls (omi_actors/clients/). Threads: any; pure.
No refusal quotes a value: a key may stand anywhere in it.
"""

import re
import unicodedata
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr

from config.values import find_odd_spelling

# The address of the model's server when OPENAI_BASE_URL is not given.
OPENAI_URL = "https://api.openai.com/v1"
# Straight quotes, and the curly and angled ones that editors make of them.
_QUOTES = "\"'`\u00b4\u00ab\u00bb\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2039\u203a"
_SCHEME_OF_KEYS = re.compile(r"bearer\s+", re.IGNORECASE)
# What a copied address of one request has beyond the server's own.
_ENDPOINT = "/chat/completions"
# Signs that a header's value can carry, without the blank, which no key has.
_SENDABLE = re.compile(r"[\x21-\x7e]*")


def _tidy(value: Any) -> Any:
    """Return a string without invisible signs, blanks around it and quotes around it; None if nothing is left."""
    if not isinstance(value, str):
        return value
    visible = "".join(sign for sign in value if unicodedata.category(sign) != "Cf")
    return visible.strip().strip(_QUOTES).strip() or None


def _tidy_key(value: Any) -> Any:
    tidy = _tidy(value.get_secret_value() if isinstance(value, SecretStr) else value)
    return _SCHEME_OF_KEYS.sub("", tidy, count=1) if isinstance(tidy, str) and _SCHEME_OF_KEYS.match(tidy) else tidy


def _tidy_address(value: Any) -> Any:
    """Return an address without slashes at its end and without the path of one request; its query stays."""
    tidy = _tidy(value)
    if not isinstance(tidy, str):
        return tidy
    path, _, query = tidy.partition("?")
    path = path.rstrip("/").removesuffix(_ENDPOINT).rstrip("/")
    return f"{path}?{query}" if query else path


def _check_key(key: SecretStr | None) -> SecretStr | None:
    text = key.get_secret_value() if key is not None else ""
    sendable = _SENDABLE.match(text)
    if sendable is not None and sendable.end() < len(text):
        raise ValueError(
            f"has a sign at place {sendable.end() + 1} that no key has, such as a curly quote, a blank or a line end; "
            "copy the key again"
        )
    return key


def _check_address(url: str | None) -> str | None:
    problem = _find_problem(url) if url is not None else ""
    if problem:
        raise ValueError(problem)
    return url


def _find_problem(url: str) -> str:
    if odd := find_odd_spelling(url):
        return odd
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "has a host or port that cannot be read"
    if parts.scheme not in ("http", "https"):
        return "must begin with http:// or https://"
    if not host or parts.netloc.endswith(":"):
        return "must name a host after http:// or https://"
    if "@" in parts.netloc:
        return "must not hold a user or password before an @"
    return "must not have a # part" if parts.fragment else ""


# A key that becomes part of a header.
UpstreamKey = Annotated[SecretStr | None, BeforeValidator(_tidy_key), AfterValidator(_check_key)]
# The address of a server; paths are put behind its own path, in front of its query.
UpstreamAddress = Annotated[str, BeforeValidator(_tidy_address), AfterValidator(_check_address)]
