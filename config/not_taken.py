"""Variables without effect, known from Omi's documents or from other servers: the reason, and the setting to use.

A switch passes if its value describes this server's behaviour (`is_so`). Any other variable causes a note at every
start. If a person would rely on its effect, the server refuses to start (`refused`). Not here: variables with an effect
(groups/). Threads: any; pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from config.values import parse_on_off


@dataclass(frozen=True, slots=True, kw_only=True)
class NotTaken:
    """A variable without effect: the reason, and what to use instead. `refused`: it stops the start.

    `is_so` is, for a switch, the only value that describes this server; a switch with this value passes without a
    message. None: the variable is no switch.
    """

    reason: str
    instead: str
    is_so: bool | None = None
    refused: bool = False


_ONE_WRITER = "One writer and a few readers hold one connection each; there is no pool to size"
_NO_CACHE = "There is no cache to tune: a live session keeps its state in its actor"
_ARGON2 = "Passwords are hashed with argon2id, whose cost is fixed"
_NO_JWT = "Nothing is signed with JWT: tokens are random and compared as they are"
_NO_QUIET_HOURS = "Quiet hours are a preference of each person (/preferences), and nobody else would be silenced"
_AT_ONCE = "A job starts as soon as a worker slot is free, not in batches at intervals"
_WAKE = "Set WAKE_NAMES for the names in wake phrases"
_LEAVE_OUT = "Leave it out"

NOT_TAKEN: Mapping[str, NotTaken] = {
    "ENABLE_NEW_OMI_ROUTES": NotTaken(
        reason="Without /omi-webhook the server would hear nothing",
        instead="Stop the server, or take its address out of the app at Omi",
        is_so=True,
        refused=True,
    ),
    "ENABLE_PROMPT_WORKERS": NotTaken(
        reason="There is no /prompts/run; the prompt is built for each question", instead=_LEAVE_OUT, is_so=False
    ),
    "QUIET_HOURS_ENABLED": NotTaken(reason=_NO_QUIET_HOURS, instead=_LEAVE_OUT, is_so=False, refused=True),
    "DEFAULT_QUIET_HOURS_START": NotTaken(reason=_NO_QUIET_HOURS, instead=_LEAVE_OUT),
    "DEFAULT_QUIET_HOURS_END": NotTaken(reason=_NO_QUIET_HOURS, instead=_LEAVE_OUT),
    "DEFAULT_ACTIVATION_REGEX": NotTaken(
        reason="Wake phrases are whole words in twelve languages, not a pattern", instead=_WAKE, refused=True
    ),
    "SEND_TYPED_OMI_NOTIFICATIONS": NotTaken(
        reason="Omi's API has notifications of one kind",
        instead="Set OMI_NOTIFY_VERSION for the version of the API",
        is_so=False,
        refused=True,
    ),
    "OPENAI_CONVERSATION_STATE": NotTaken(
        reason="Conversations are in our own database, and each question takes the latest messages along",
        instead="Set OPENAI_INCLUDE_HISTORY and OPENAI_HISTORY_MESSAGES",
        is_so=False,
        refused=True,
    ),
    "QUEUE_PROCESSING_INTERVAL": NotTaken(reason=_AT_ONCE, instead="Set QUEUE_MAX_CONCURRENT_JOBS"),
    "DB_MAX_CONNECTIONS": NotTaken(reason=_ONE_WRITER, instead=_LEAVE_OUT),
    "DB_CONNECTION_TIMEOUT": NotTaken(
        reason=_ONE_WRITER, instead="Set STORE_WRITE_TIMEOUT_MS and STORE_READ_TIMEOUT_MS"
    ),
    "ENABLE_CACHING": NotTaken(reason=_NO_CACHE, instead="Set MAX_LIVE_SESSIONS and SESSION_IDLE_S"),
    "CACHE_TTL": NotTaken(reason=_NO_CACHE, instead="Set SESSION_IDLE_S"),
    "CACHE_MAX_SIZE": NotTaken(reason=_NO_CACHE, instead="Set MAX_LIVE_SESSIONS"),
    "CACHE_CHECK_PERIOD": NotTaken(reason=_NO_CACHE, instead=_LEAVE_OUT),
    "CORS_ORIGIN_PATTERNS": NotTaken(
        reason="Origins with a wildcard belong in CORS_ORIGINS",
        instead="Set CORS_ORIGINS, such as https://*.example.com",
        refused=True,
    ),
    "ENABLE_CSRF": NotTaken(
        reason="Changing requests of other sites' pages are always refused, without a token",
        instead=_LEAVE_OUT,
        is_so=True,
        refused=True,
    ),
    "BCRYPT_ROUNDS": NotTaken(reason=_ARGON2, instead=_LEAVE_OUT),
    "JWT_SECRET": NotTaken(reason=_NO_JWT, instead="Set ADMIN_TOKEN for the operator"),
    "JWT_EXPIRY": NotTaken(reason=_NO_JWT, instead=_LEAVE_OUT),
}


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Messages about given variables that have no effect: `refusals` stop the start, `notes` do not."""

    refusals: tuple[str, ...]
    notes: tuple[str, ...]


def judge(given: Mapping[str, str]) -> Verdicts:
    """Return the messages about the variables given, in the order of the table. A blank value counts as not given."""
    judged = list(_judge_each({name: value for name, value in given.items() if value.strip()}))
    return Verdicts(
        refusals=tuple(sentence for refused, sentence in judged if refused),
        notes=tuple(sentence for refused, sentence in judged if not refused),
    )


def _judge_each(given: Mapping[str, str]) -> Iterator[tuple[bool, str]]:
    for name, entry in NOT_TAKEN.items():
        if name not in given:
            continue
        sentence = f"{name} has no effect: {entry.reason}. {entry.instead}."
        if entry.is_so is None:
            yield entry.refused, sentence
            continue
        try:
            is_on = parse_on_off(given[name])
        except ValueError as exc:
            yield True, f"{name} {exc}. {sentence}"
            continue
        if is_on != entry.is_so:
            yield entry.refused, f"{name}={'true' if is_on else 'false'} cannot be: {entry.reason}. {entry.instead}."
