"""The logging pipeline: adds the context to each line, removes secrets, renders it.

Not here: the events (beside their code), the log file (log_file.py). Threads: any; the kit binds the context around
each turn. Lines carry request_id, session and actor. They never carry transcript text, tokens, headers, bodies or
query strings.
"""

import logging
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO, cast

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from omi_actors.clock import SystemClock
from omi_actors.instruments.requests import REQUESTS
from omi_actors.kit.errors import ExpectedError
from omi_actors.kit.messages import ACTOR, CONTEXT


@dataclass(frozen=True, slots=True)
class LogContext:
    """The request and the session that a line belongs to. Each actor envelope carries it."""

    request_id: str = ""
    session: str = ""


# The names of LOG_LEVEL, and the standard library's numbers.
LEVELS = {"debug": 10, "info": 20, "warn": 30, "error": 40, "fatal": 50}
_LEVEL_NAMES = {"warning": "warn", "critical": "fatal"}

_CLOCK = SystemClock()
# The node that each line names; "" if one process writes all lines.
_node = ""
# Query strings carry our tokens and Omi's uids; URLs appear in lines of foreign libraries.
_QUERY = re.compile(r"\?[^\s\"'<>]*")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[^\s\"',]+")
_KEYS = re.compile(r"\b(sk-|whsec_)[A-Za-z0-9_\-]+")

# Libraries that log requests, bodies or headers at levels below warning.
_TALKATIVE = (
    "aiohttp",
    "httpx2",
    "httpcore2",
    "httpx",
    "httpcore",
    "openai",
    "tornado.access",
    "tornado.general",
    "asyncio",
    "pykka",
    "pony.orm",
)


def current_context() -> LogContext | None:
    """Return the context of the current turn or request; None outside of both."""
    context: LogContext | None = CONTEXT.get()
    return context


set_context = CONTEXT.set
reset_context = CONTEXT.reset


@contextmanager
def bound_context(context: LogContext | None) -> Iterator[None]:
    """Bind `context` until the block ends; then bind the earlier context again."""
    token = CONTEXT.set(context)
    try:
        yield
    finally:
        CONTEXT.reset(token)


def add_context(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Add request, session and actor to the line if they are known and the line has no values for them."""
    context = CONTEXT.get()
    if context is not None:
        for field in ("request_id", "session"):
            value = getattr(context, field)
            if value:
                event.setdefault(field, value)
    if actor := ACTOR.get():
        event.setdefault("actor", actor)
    if _node:
        event.setdefault("node", _node)
    return event


def redact(text: str) -> str:
    """Remove query strings, bearer tokens and API keys from a foreign library's message."""
    return _KEYS.sub(r"\1[redacted]", _BEARER.sub(r"\1 [redacted]", _QUERY.sub(_redact_query, text)))


def _redact_query(found: re.Match[str]) -> str:
    """Return the replacement of a query. A question mark without a letter or digit behind it ends a sentence."""
    return "?[redacted]" if any(char.isalnum() for char in found[0]) else found[0]


def redact_strings(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Redact every string of a line, tracebacks included."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = redact(value)
    return event


def one_line(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escape line breaks and control characters for a terminal. The JSON encoder already escapes them."""
    event["event"] = "".join(char if char.isprintable() else repr(char)[1:-1] for char in str(event.get("event", "")))
    return event


def safe_traceback(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Render an exception: its stack and class, and, only for an expected error, its message.

    The message of a foreign exception may quote a row, a header or spoken text.
    """
    exc_info = event.pop("exc_info", None)
    error = sys.exc_info()[1] if exc_info is True else exc_info[1] if isinstance(exc_info, tuple) else exc_info
    if isinstance(error, BaseException):
        event["exception"] = describe_error(error)
    return event


def describe_error(error: BaseException) -> str:
    """Return an exception chain as text that is safe to log, with the innermost cause first, as Python prints it."""
    parts: list[str] = []
    shown: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in shown:  # an error may be its own cause: `raise exc from exc`
        shown.add(id(link))
        frames = "".join(traceback.format_tb(link.__traceback__))
        sentence = f": {link}" if isinstance(link, ExpectedError) else ""
        parts.append(f"{frames}{type(link).__name__}{sentence}")
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return "\n\nThen:\n".join(reversed(parts))


def keep_line(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Keep the line in the request log. Count it if it tells of an error that no reply to a request has counted."""
    record = event["_record"]
    own = {name: value for name, value in event.items() if not name.startswith("_")}
    if own["event"] != "request":  # the request log knows the rest of it
        REQUESTS.keep_line(own)
    if record.levelno >= logging.WARNING and "error" in own and "route" not in own:
        # The text of a foreign line may be anything; its library's name is one of few.
        where = str(own["event"]) if event["_from_structlog"] else record.name
        where = f"{where} ({own['kind']})" if "kind" in own else where
        REQUESTS.count_error(str(own["error"]), where, level=own["level"], request_id=str(own.get("request_id", "")))
    return event


def name_level(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Set a line's level to a word of LOG_LEVEL: debug, info, warn, error, fatal."""
    event["level"] = _LEVEL_NAMES.get(event["level"], event["level"])
    return event


# Applied to every line, ours and foreign.
_SHARED: list[Processor] = [
    structlog.stdlib.add_log_level,
    name_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    add_context,
]


def configure_logging(
    level: str, *, stream: TextIO | None = None, json_lines: bool | None = None, node: str = ""
) -> None:
    """Send all logging, ours and foreign, through one pipeline to `stream` (default: standard error).

    `level` is debug, info, warn, error or fatal. If `json_lines` is None, lines are plain text on a terminal and JSON
    elsewhere. Each line names the `node`, if several processes write to one place.
    """
    global _node  # noqa: PLW0603 (logging is the process's, too)
    _node = node
    out = stream if stream is not None else sys.stderr
    as_json = not out.isatty() if json_lines is None else json_lines
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(build_formatter(as_json=as_json, colors=out.isatty(), keeps=True))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(LEVELS[level])
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, LEVELS[level]))


def log_fatal_only() -> None:
    """Log only fatal lines from now on: the program ends, and all other lines are consequences of its reason."""
    for handler in logging.getLogger().handlers:
        handler.setLevel(LEVELS["fatal"])


def current_level() -> str:
    """Return the lowest level that is logged, as a word of LOG_LEVEL."""
    number = logging.getLogger().level
    return next((name for name, least in LEVELS.items() if least >= number), "fatal")


def build_formatter(*, as_json: bool, colors: bool = False, keeps: bool = False) -> logging.Formatter:
    """Return the formatter of all lines, ours and foreign; it redacts secrets.

    With `keeps` it also keeps them in the request log: one formatter does so, or a line would be there twice.
    """
    console = structlog.dev.ConsoleRenderer(colors=colors, level_styles=_level_styles(colors=colors))
    kind = _JsonFormatter if as_json else structlog.stdlib.ProcessorFormatter
    return kind(
        foreign_pre_chain=[*_SHARED, structlog.stdlib.ExtraAdder()],
        processors=[
            safe_traceback,
            redact_strings,
            *((keep_line,) if keeps else ()),
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *((structlog.processors.JSONRenderer(),) if as_json else (one_line, console)),
        ],
    )


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of one module; `name` is its dotted name."""
    return cast("structlog.stdlib.BoundLogger", structlog.get_logger(name))


def log_cheaply(name: str, event: str, context: LogContext, fields: Mapping[str, str | float]) -> None:
    """Log a line at info for a tenth of the usual cost, for lines of each webhook.

    Nothing is redacted: pass only values that are safe as they are.
    """
    root = logging.root
    if not root.isEnabledFor(logging.INFO):
        return
    for handler in root.handlers:
        if not isinstance(handler.formatter, _JsonFormatter):
            with bound_context(context):
                get_logger(name).info(event, **fields)
            return
    at = datetime.fromtimestamp(_CLOCK.now_s(), UTC).isoformat().replace("+00:00", "Z")
    line = {**fields, "event": event, "level": "info", "timestamp": at, "request_id": context.request_id}
    if context.session:
        line["session"] = context.session
    if _node:
        line["node"] = _node
    root.handle(_RenderedRecord(name, event, msgspec.json.encode(line).decode()))


# A record's line of JSON, once it is rendered.
_RENDERED = "omi_line"


class _RenderedRecord(logging.LogRecord):
    """A record at info with its line. Others find out their file, thread, process and task, which costs as much."""

    def __init__(self, name: str, event: str, line: str) -> None:  # the attributes that handlers read
        self.name, self.msg, self.args = name, event, None
        self.levelno, self.levelname = logging.INFO, "INFO"
        self.exc_info = self.exc_text = self.stack_info = None
        self.__dict__[_RENDERED] = line


class _JsonFormatter(structlog.stdlib.ProcessorFormatter):
    """Renders a record once for standard error and the log file, since rendering costs most of a line's time."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = record.__dict__.get(_RENDERED)
        if line is None:
            line = record.__dict__[_RENDERED] = super().format(record)
        return str(line)


def _level_styles(*, colors: bool) -> dict[str, str]:
    styles = structlog.dev.ConsoleRenderer.get_default_level_styles(colors)
    return {**styles, "fatal": styles["critical"]}
