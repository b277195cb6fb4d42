"""The proxy and the certificates that the environment names for the calls to a server.

Not here: the clients (bounded_http.py). Threads: any. Libraries read the variables in ways of their own, and end with
foreign errors at a value that they do not know; so they are read here alone.
"""

import ipaddress
import os
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from config.settings import Settings
from config.upstreams import OPENAI_URL
from config.values import is_loopback
from omi_actors.errors import SettingsError

# Variables that the OpenAI SDK puts into the headers of each request.
_HEADERS = ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_CUSTOM_HEADERS")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy's URL, which may hold a password, and the variable that names it."""

    url: str
    variable: str


def check_surroundings(settings: Settings) -> None:
    """Check whether the environment's proxies, certificates and headers can be used for the calls to other servers.

    Raises:
        SettingsError: one cannot; the first sentence names its variable, the second is the way out.
    """
    for url in _called_urls(settings):
        find_proxy(url)
        find_certificates(url)
    for name in _HEADERS if settings.openai_api_key is not None else ():
        value = os.environ.get(name, "")
        if not (value.isascii() and value.replace("\n", "").isprintable()):
            raise SettingsError(f"{name} in the environment has a sign that no header can carry. Correct or unset it.")


def _called_urls(settings: Settings) -> Iterator[str]:
    if settings.openai_api_key is not None:
        yield settings.openai_base_url or OPENAI_URL
    if settings.omi_app_id is not None and settings.omi_app_secret is not None:
        yield settings.omi_api_url


def find_proxy(url: str, environment: Mapping[str, str] = os.environ) -> Proxy | None:
    """Return the proxy for calls to this URL; None for a direct call, as to this machine itself.

    Raises:
        SettingsError: the variable names a proxy of an unknown kind.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host) or _is_exempt(host, _read(environment, "no_proxy")[1]):
        return None
    for name in (f"{parts.scheme}_proxy", "all_proxy"):
        variable, value = _read(environment, name)
        if value:
            proxy = value if "://" in value else f"http://{value}"
            _check(proxy, variable, parts)
            return Proxy(proxy, variable)
    return None


def _read(environment: Mapping[str, str], name: str) -> tuple[str, str]:
    """Return the variable's name as it is written, and its value; the lower-case one wins, as in other programs."""
    for written in (name, name.upper()):
        if value := environment.get(written, "").strip():
            return written, value
    return name, ""


def _check(proxy: str, variable: str, target: SplitResult) -> None:
    way_out = f"Set {target.scheme.upper()}_PROXY to an http:// proxy, or add {target.hostname} to NO_PROXY."
    try:
        parts = urlsplit(proxy)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host:
        raise SettingsError(f"{variable} in the environment holds no address of a proxy. {way_out}")
    if parts.scheme not in ("http", "https"):
        raise SettingsError(
            f"{variable} in the environment names a proxy of the kind {parts.scheme}://, which is not supported. "
            f"{way_out}"
        )


def _is_exempt(host: str, no_proxy: str) -> bool:
    entries = (entry.strip().lower() for entry in no_proxy.replace(" ", ",").split(","))
    return any(_is_named(host.lower(), entry) for entry in entries if entry)


def _is_named(host: str, entry: str) -> bool:
    """Tell if one entry of NO_PROXY names the host: `*`, a name with all below it, an address, or a network."""
    if entry == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        name = entry.rsplit(":", 1)[0] if entry.rpartition(":")[2].isdigit() else entry
        name = name.lstrip("*").lstrip(".")
        return host == name or host.endswith(f".{name}")


def find_certificates(url: str, environment: Mapping[str, str] = os.environ) -> ssl.SSLContext | None:
    """Return the certificates that the environment names for calls to this URL; None: those of the system.

    Raises:
        SettingsError: the variable names nothing that can be read as certificates.
    """
    for variable in _CERTIFICATES if urlsplit(url).scheme == "https" else ():
        if path := environment.get(variable, "").strip():
            return _load(variable, path)
    return None


@lru_cache(maxsize=4)
def _load(variable: str, path: str) -> ssl.SSLContext:
    try:
        if Path(path).is_dir():
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except (OSError, ValueError) as exc:  # ssl.SSLError is an OSError
        raise SettingsError(
            f"{variable} in the environment names no certificates that can be read. Correct it, or unset it."
        ) from exc


def explain_connection(error: BaseException, url: str, setting: str) -> str:
    """Return why a call to `url` did not connect, as the end of a sentence that names `setting`, not the URL."""
    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return ": its certificate is not trusted; set SSL_CERT_FILE to the certificates of its authority"
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return f": no TLS is spoken there; write http:// in {setting} if the server has no https"
    proxy = find_proxy(url)
    return (
        f" through the proxy that {proxy.variable} names; check both" if proxy else f"; check {setting} and the network"
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
