"""Log lines: secrets and spoken text stay out of them; each level has its lines."""

import io
import json
import logging
from contextlib import contextmanager
from datetime import datetime

import pytest
import structlog

from omi_actors.errors import StoreError
from omi_actors.instruments.logs import (
    _TALKATIVE,
    LEVELS,
    LogContext,
    bound_context,
    configure_logging,
    get_logger,
    log_cheaply,
)
from omi_actors.kit.errors import AskTimeoutError

SPOKEN = "the words of a person"


@contextmanager
def earlier_logging_again():
    root = logging.getLogger()
    handlers, level, config = list(root.handlers), root.level, structlog.get_config()
    levels = {name: logging.getLogger(name).level for name in _TALKATIVE}
    try:
        yield
    finally:
        structlog.configure(**config)
        root.handlers[:] = handlers
        root.setLevel(level)
        for name, earlier in levels.items():
            logging.getLogger(name).setLevel(earlier)


@pytest.fixture
def lines():
    """All that is logged, at level debug, as configured; the test runner's own logging afterwards."""
    with earlier_logging_again():
        stream = io.StringIO()
        configure_logging("debug", stream=stream, json_lines=True)
        yield stream


def test_malformed_request_is_not_quoted(lines):
    logging.getLogger("tornado.general").info("Malformed HTTP message from %s: %s", "127.0.0.1", SPOKEN)

    assert lines.getvalue() == ""


def test_foreign_error_is_named_without_its_sentence(lines):
    get_logger("x").error("failed", exc_info=ValueError(SPOKEN))

    assert "ValueError" in lines.getvalue()
    assert SPOKEN not in lines.getvalue()


@pytest.mark.parametrize("cls", [StoreError, AskTimeoutError])
def test_error_of_ours_or_the_kit_keeps_its_sentence(cls, lines):
    get_logger("x").error("failed", exc_info=cls("the store did not reply in time"))

    assert f"{cls.__name__}: the store did not reply in time" in lines.getvalue()


def test_errors_that_are_each_others_causes_are_shown_once(lines):
    first, second = StoreError("the first"), StoreError("the second")
    first.__cause__, second.__cause__ = second, first

    get_logger("x").error("failed", exc_info=first)

    assert json.loads(lines.getvalue())["exception"].count("the first") == 1


@pytest.mark.parametrize("sentence", ["do you mean OPENAI_TIMEOUT?", "is it (PORT?), or else?", 'what?! "why?"'])
def test_question_mark_at_the_end_of_words_stays(sentence, lines):
    get_logger("x").error(sentence)

    assert json.loads(lines.getvalue())["event"] == sentence


@pytest.mark.parametrize("query", ["token=swordfish", "swordfish", "=swordfish", "&a=swordfish", "%73wordfish"])
def test_query_is_taken_out_of_an_address(query, lines):
    get_logger("x").error(f"calling http://h/p?{query} failed")

    assert json.loads(lines.getvalue())["event"] == "calling http://h/p?[redacted] failed"


def test_cheap_line_has_the_form_of_every_line(lines):
    context = LogContext("r1", "omi:ada")
    log_cheaply("x", "request", context, {"route": "/omi-webhook", "status": 200})
    with bound_context(context):
        get_logger("x").info("request", route="/omi-webhook", status=200)

    cheap, usual = map(json.loads, lines.getvalue().splitlines())
    assert cheap.keys() == usual.keys()
    assert {**cheap, "timestamp": ""} == {**usual, "timestamp": ""}
    assert abs(datetime.fromisoformat(cheap["timestamp"]) - datetime.fromisoformat(usual["timestamp"])).seconds < 5
    assert cheap["timestamp"].endswith("Z")


def test_cheap_line_is_not_written_above_its_level(lines):
    logging.getLogger().setLevel(logging.WARNING)

    log_cheaply("x", "request", LogContext("r1"), {})

    assert lines.getvalue() == ""


FORGED = 'ok\n{"event": "operator signed in"}\r\x1b[2J\u2028'


def say_forged():
    get_logger("ours").warning("refused", detail=FORGED)
    logging.getLogger("somebody").warning("calling %s", FORGED)


def test_words_from_outside_make_no_line_of_their_own(lines):
    say_forged()

    written = lines.getvalue()
    assert [json.loads(line)["event"] for line in written.splitlines()] == ["refused", f"calling {FORGED}"]
    assert written.isascii()


def test_words_from_outside_make_no_line_on_a_terminal_and_do_not_speak_to_it():
    with earlier_logging_again():
        stream = io.StringIO()
        configure_logging("info", stream=stream, json_lines=False)
        say_forged()

    written = stream.getvalue()
    assert len(written.splitlines()) == 2
    assert written.replace("\n", "").isprintable()


@pytest.mark.parametrize("secret", ["/omi-webhook?token=abc123&uid=u", "Bearer abc123", "sk-abc123", "whsec_abc123"])
def test_secrets_are_taken_out_of_foreign_lines(secret, lines):
    logging.getLogger("somebody").warning("calling %s", secret)

    assert "calling" in lines.getvalue()
    assert "abc123" not in lines.getvalue()


@pytest.mark.parametrize("level", LEVELS)
def test_level_lets_through_itself_and_what_is_worse(level):
    with earlier_logging_again():
        stream = io.StringIO()
        configure_logging(level, stream=stream, json_lines=True)
        log, foreign = get_logger("x"), logging.getLogger("tornado.general")
        for say in (log.debug, log.info, log.warning, log.error, log.critical):
            say("ours")
        for number in LEVELS.values():
            foreign.log(number, "foreign")

    names = list(LEVELS)
    said = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["level"] for line in said if line["event"] == "ours"] == names[names.index(level) :]
    assert [line["level"] for line in said if line["event"] == "foreign"] == names[max(2, names.index(level)) :]


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_has_its_name_on_a_terminal(level):
    with earlier_logging_again():
        stream = io.StringIO()
        configure_logging("debug", stream=stream, json_lines=False)
        logging.getLogger("x").log(LEVELS[level], "said")

    assert level in stream.getvalue()
