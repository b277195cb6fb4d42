"""What no line may carry, whoever writes it."""

import io
import logging

import pytest
import structlog

from omi_actors.instruments.logs import _TALKATIVE, configure_logging, get_logger

SPOKEN = "the words of a person"


@pytest.fixture
def lines():
    """All that is logged, at level debug, as configured; the test runner's own logging afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    levels = {name: logging.getLogger(name).level for name in _TALKATIVE}
    stream = io.StringIO()
    configure_logging("debug", stream=stream, json_lines=True)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, earlier in levels.items():
        logging.getLogger(name).setLevel(earlier)


def test_malformed_request_is_not_quoted(lines):
    logging.getLogger("tornado.general").info("Malformed HTTP message from %s: %s", "127.0.0.1", SPOKEN)

    assert lines.getvalue() == ""


def test_foreign_error_is_named_without_its_sentence(lines):
    get_logger("x").error("failed", exc_info=ValueError(SPOKEN))

    assert "ValueError" in lines.getvalue()
    assert SPOKEN not in lines.getvalue()


@pytest.mark.parametrize("secret", ["/omi-webhook?token=abc123&uid=u", "Bearer abc123", "sk-abc123", "whsec_abc123"])
def test_secrets_are_taken_out_of_foreign_lines(secret, lines):
    logging.getLogger("somebody").warning("calling %s", secret)

    assert "calling" in lines.getvalue()
    assert "abc123" not in lines.getvalue()
