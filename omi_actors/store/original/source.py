"""The original's database: its tables and columns, and reading them in a fixed order from any place on.

All reads see one snapshot; nothing is written. Columns that a version of the original lacks are read as NULL.
Not here: what becomes of the rows (persons.py, talk.py). Threads: the one that opened it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from omi_actors.errors import StoreError, StoreUnavailableError
from omi_actors.store.driver import INSTALL, MISSING

try:
    import psycopg2
    from psycopg2 import extensions
except ImportError as exc:
    raise StoreError(f"{MISSING}: {INSTALL}") from exc

# Rows that come from the server at a time.
_FETCHED = 2_000
_CONNECT_S = 5
Row = dict[str, Any]
# The values of a table's order in one row, as texts.
Place = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table: its name, its columns, and those that give its order, which must be unique together.

    `times` become UTC seconds; `plain` columns keep their type; the others become texts. `session` adds `session_uid`,
    the wearable's name in the table OmiSession.
    """

    name: str
    columns: tuple[str, ...]
    times: tuple[str, ...] = ("createdAt",)
    plain: tuple[str, ...] = ()
    order: tuple[str, ...] = ("id",)
    has_session: bool = False


# In this order each row comes after those that it refers to.
TABLES = (
    Table(
        name="User",
        columns=("id", "email", "passwordHash", "displayName", "role"),
        times=("createdAt", "updatedAt"),
        # Of two accounts with one email, the elder keeps it.
        order=("createdAt", "id"),
    ),
    Table(
        name="OmiUserLink",
        columns=("id", "userId", "omiUserId"),
        times=("createdAt", "verifiedAt"),
        plain=("isVerified",),
    ),
    Table(name="OmiSession", columns=("id", "omiSessionId", "userId"), times=("createdAt", "lastSeenAt")),
    Table(
        name="Conversation",
        columns=("id", "userId", "omiSessionId", "title", "summary"),
        times=("createdAt", "endedAt"),
        order=("createdAt", "id"),
        has_session=True,
    ),
    Table(
        name="TranscriptSegment",
        columns=("id", "omiSessionId", "omiSegmentId", "text", "speaker"),
        plain=("speakerId", "isUser", "start", "end"),
        order=("omiSessionId", "createdAt", "id"),
        has_session=True,
    ),
    Table(
        name="Message",
        columns=("id", "conversationId", "role", "text", "source"),
        order=("conversationId", "createdAt", "id"),
    ),
    Table(
        name="UserPreference",
        columns=(
            *("userId", "listenMode", "defaultConversationId", "activationRegex"),
            *("dndQuietHoursStart", "dndQuietHoursEnd"),
        ),
        plain=("followupWindowMs", "meetingTranscribe", "injectMemories", "activationSensitivity", "mute"),
        order=("userId",),
    ),
    Table(
        name="UserContextWindow",
        columns=("id", "userId", "conversationId"),
        plain=("slot", "isActive"),
        order=("userId", "id"),
    ),
    Table(name="AgentEvent", columns=("id", "userId", "conversationId", "type", "payload")),
    Table(name="NotificationEvent", columns=("id", "userId", "channel", "message", "status", "error")),
    Table(name="Memory", columns=("id", "userId", "text"), order=("userId", "createdAt", "id")),
)
# Tables that are not moved, with the reason that the record gives.
LEFT_OUT: Mapping[str, str] = {
    "AuthSession": "tokens stood there in plain text: everybody signs in once more",
    "OmiSessionPreference": "the original never wrote or read it",
}


class OriginalDatabase:
    """An open database of the original.

    with closing(OriginalDatabase(url)) as original:
        for place, row in original.read(table, after=None):
            ...
    """

    def __init__(self, url: str) -> None:
        """Connect.

        Raises:
            StoreError: the URL is wrong, or the database has no tables of the original.
            StoreUnavailableError: it does not answer.
        """
        try:
            self.name = _name_of(url)
            self._con = psycopg2.connect(url, connect_timeout=_CONNECT_S)
        except psycopg2.OperationalError as exc:
            raise StoreUnavailableError(f"the original's database does not answer: {_first_line(exc)}") from exc
        except (psycopg2.Error, ValueError) as exc:
            raise StoreError("SOURCE must be postgresql://<user>:<password>@<host>/<database>") from exc
        self._con.set_session(isolation_level=extensions.ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
        with closing(self._con.cursor()) as cursor:
            cursor.execute(
                "SELECT table_name, column_name FROM information_schema.columns"
                " WHERE table_schema = ANY (current_schemas(false))"
            )
            found = cursor.fetchall()
        self._columns = {name: {column for table, column in found if table == name} for name, _ in found}
        if not {"User", "Conversation", "Message"} <= self._columns.keys():
            self.close()
            raise StoreError(f"{self.name} has no tables of the original, such as User, Conversation and Message")

    def close(self) -> None:
        """Disconnect."""
        self._con.close()

    def count(self, name: str) -> int:
        """Return the number of a table's rows; 0 if the database lacks the table."""
        if name not in self._columns:
            return 0
        with closing(self._con.cursor()) as cursor:
            cursor.execute(f'SELECT count(*) FROM "{name}"')  # noqa: S608 (a name of ours)
            row = cursor.fetchone()
        return int(row[0]) if row else 0

    def read(self, table: Table, *, after: Place | None) -> Iterator[tuple[Place, Row]]:
        """Yield the rows after a place, or all, in the table's order, each with its own place."""
        if table.name not in self._columns:
            return
        names = [*table.columns, *table.times, *table.plain, *(("session_uid",) if table.has_session else ())]
        with closing(self._con.cursor(f"rows of {table.name}")) as cursor:
            cursor.itersize = _FETCHED
            cursor.execute(self._build_query(table, after), after or ())
            for values in cursor:
                yield tuple(values[len(names) :]), dict(zip(names, values, strict=False))

    def _build_query(self, table: Table, after: Place | None) -> str:
        known = self._columns[table.name]
        expressions = [_text(name, known) for name in table.columns]
        expressions += [_seconds(name, known) for name in table.times]
        expressions += [f't."{name}"' if name in known else "NULL" for name in table.plain]
        source = f'FROM "{table.name}" t'
        if table.has_session:
            expressions.append('s."omiSessionId"')
            source += ' LEFT JOIN "OmiSession" s ON s."id" = t."omiSessionId"'
        order = ", ".join(f't."{name}"' for name in table.order)
        places = ", ".join(f't."{name}"::text' for name in table.order)
        where = f" WHERE ({order}) > ({', '.join(['%s'] * len(table.order))})" if after else ""
        return f"SELECT {', '.join(expressions)}, {places} {source}{where} ORDER BY {order}"


def _text(name: str, known: set[str]) -> str:
    return f't."{name}"::text' if name in known else "NULL"


def _seconds(name: str, known: set[str]) -> str:
    # Prisma's times have no zone, and are UTC; for times with a zone this is right, too.
    return f"EXTRACT(EPOCH FROM t.\"{name}\" AT TIME ZONE 'UTC')::double precision" if name in known else "NULL"


def _name_of(url: str) -> str:
    """Return host and database of a URL, without its password."""
    parts = extensions.parse_dsn(url)
    return f"{parts.get('host', 'localhost')}:{parts.get('port', '5432')}/{parts.get('dbname', '')}"


def _first_line(exc: Exception) -> str:
    lines: Sequence[str] = str(exc).strip().splitlines()
    return lines[0] if lines else type(exc).__name__
