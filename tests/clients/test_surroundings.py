"""Proxies and certificates of the environment: honoured, or refused in a sentence that names the variable."""

import asyncio
import ssl

import pytest

from config.settings import load_settings
from omi_actors.clients.omi_api import OmiApi
from omi_actors.clients.surroundings import check_surroundings, explain_connection, find_certificates, find_proxy
from omi_actors.errors import SettingsError, UpstreamUnavailableError
from tests.clients.test_model_refusals import PROMPT, REFUSALS, Server
from tests.clients.test_openai_model import build
from tests.fakes.omi_server import APP_ID, SECRET
from tests.fakes.raw_server import serve_raw

HOST = "https://api.example/v1"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name}_PROXY".upper(), raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("environment", "url", "proxy"),
    [
        ({}, HOST, None),
        ({"https_proxy": "http://p:1"}, HOST, "http://p:1"),
        ({"HTTPS_PROXY": "p:1"}, HOST, "http://p:1"),
        ({"https_proxy": "http://low:1", "HTTPS_PROXY": "http://up:1"}, HOST, "http://low:1"),
        ({"http_proxy": "http://p:1"}, HOST, None),
        ({"all_proxy": "http://p:1"}, HOST, "http://p:1"),
        ({"ALL_PROXY": "socks://s:1", "https_proxy": "http://p:1"}, HOST, "http://p:1"),
        ({"https_proxy": " "}, HOST, None),
        ({"all_proxy": "http://p:1", "no_proxy": "*"}, HOST, None),
        ({"all_proxy": "http://p:1", "NO_PROXY": "example"}, HOST, None),
        ({"all_proxy": "http://p:1", "no_proxy": "other, .example"}, HOST, None),
        ({"all_proxy": "http://p:1", "no_proxy": "*.example:443"}, HOST, None),
        ({"all_proxy": "http://p:1", "no_proxy": "ple"}, HOST, "http://p:1"),
        ({"all_proxy": "http://p:1", "no_proxy": "10.0.0.0/8"}, "http://10.1.2.3/v1", None),
        ({"all_proxy": "http://p:1", "no_proxy": "fd00::/8"}, "http://[fd00::1]/v1", None),
        ({"all_proxy": "socks://s:1"}, "http://127.0.0.1:1/v1", None),
        ({"http_proxy": "http://p:1"}, "http://localhost:1/v1", None),
        ({"all_proxy": "socks5://s:1", "no_proxy": "api.example"}, HOST, None),
    ],
)
def test_proxy_is_the_one_that_the_environment_names_for_the_host(environment, url, proxy):
    found = find_proxy(url, environment)

    assert (found.url if found else None) == proxy


@pytest.mark.parametrize("variable", ["all_proxy", "ALL_PROXY", "https_proxy", "HTTPS_PROXY"])
@pytest.mark.parametrize("value", ["socks://tell-nobody:1", "socks5h://a:tell-nobody@h:1", "http://:x", "ftp://h"])
def test_proxy_of_another_kind_is_one_sentence_that_names_its_variable(variable, value):
    with pytest.raises(SettingsError) as caught:
        find_proxy(HOST, {variable: value})

    assert str(caught.value).startswith(f"{variable} in the environment ")
    assert "api.example to NO_PROXY" in str(caught.value)
    assert "tell-nobody" not in str(caught.value)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_that_cannot_be_read_are_one_sentence_that_names_the_variable(variable, tmp_path):
    broken = tmp_path / "ca.pem"
    broken.write_text("no certificate")

    for path in (broken, tmp_path / "missing.pem"):
        with pytest.raises(SettingsError, match=f"^{variable} in the environment names no certificates"):
            find_certificates(HOST, {variable: str(path)})
    assert find_certificates("http://127.0.0.1/v1", {variable: str(broken)}) is None
    assert find_certificates(HOST, {variable: str(tmp_path)}) is not None


@pytest.mark.parametrize(
    ("settings", "is_refused"),
    [
        ({}, False),
        ({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://localhost:1/v1"}, False),
        ({"OPENAI_API_KEY": "k"}, True),
        ({"OMI_APP_ID": "a", "OMI_APP_SECRET": "k"}, True),
    ],
)
def test_only_servers_that_are_called_need_the_proxy(bare_environment, settings, is_refused):
    bare_environment.setenv("all_proxy", "socks://127.0.0.1:9/")
    loaded = load_settings(overrides=settings)

    if is_refused:
        with pytest.raises(SettingsError, match=r"^all_proxy in the environment"):
            check_surroundings(loaded)
    else:
        check_surroundings(loaded)


@pytest.mark.parametrize("name", ["OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_CUSTOM_HEADERS"])
@pytest.mark.parametrize("value", ["tell-nobody\u201c", "tell-nobody\x07"])
def test_header_of_the_environment_that_cannot_be_sent_is_one_sentence(bare_environment, name, value):
    bare_environment.setenv(name, value)

    check_surroundings(load_settings())
    with pytest.raises(SettingsError, match=f"^{name} in the environment has a sign") as caught:
        check_surroundings(load_settings(overrides={"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://localhost/v1"}))
    assert "tell-nobody" not in str(caught.value)


async def test_question_goes_through_the_proxy(bare_environment):
    server = Server(REFUSALS[0], lambda _: False)
    async with serve_raw(server) as target:
        bare_environment.setenv("http_proxy", f"http://{target.host}:{target.port}")
        model = build("http://model.invalid/v1")

        answer = await model.answer(PROMPT, deadline_s=9.0)
        await model.close()

    assert answer.text == "very far"


async def test_proxy_that_is_not_there_is_named(bare_environment):
    bare_environment.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    model, omi = build("http://model.invalid/v1"), omi_at("http://omi.invalid")

    for call in (model.answer(PROMPT, deadline_s=9.0), omi.notify("ada", "hello")):
        with pytest.raises(UpstreamUnavailableError, match="through the proxy that HTTP_PROXY names"):
            await call
    await model.close()
    await omi.close()


def omi_at(url):
    return OmiApi(app_id=APP_ID, secret=SECRET, url=url, version="v1", timeout_s=9.0)


async def test_server_on_this_machine_is_called_although_a_proxy_of_another_kind_is_set(bare_environment):
    bare_environment.setenv("all_proxy", "socks://127.0.0.1:9/")
    server = Server(REFUSALS[0], lambda _: False)
    async with serve_raw(server) as target:
        model, omi = build(f"http://{target.host}:{target.port}/v1"), omi_at(f"http://{target.host}:{target.port}")

        await model.answer(PROMPT, deadline_s=9.0)
        await omi.notify("ada", "hello")
        await model.close()
        await omi.close()

    assert len(server.bodies) == 2


async def test_https_at_a_server_without_it_is_named():
    async def speak_plainly(reader, writer):
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with asyncio.timeout(9), serve_raw(speak_plainly) as target:
        model = build(f"https://{target.host}:{target.port}/v1")
        with pytest.raises(UpstreamUnavailableError, match="write http:// in OPENAI_BASE_URL"):
            await model.answer(PROMPT, deadline_s=9.0)
        await model.close()


def test_certificate_that_is_not_trusted_is_named():
    error = ConnectionError()
    error.__cause__ = ssl.SSLCertVerificationError()

    assert "set SSL_CERT_FILE" in explain_connection(error, HOST, "OPENAI_BASE_URL")
