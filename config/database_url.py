"""DATABASE_URL: takes the forms that other programs write, and returns the form that the store reads.

The store reads `postgresql://user:password@host/name?options`, as libpq does, and `sqlite:///file`. No error quotes the
value, since it may hold a password.
Not here: the field (groups/store.py), connecting (omi_actors/store/). Threads: any; pure.
"""

import re
from collections.abc import Iterator
from urllib.parse import quote, unquote

from config.values import find_odd_spelling

BEGINS = "must begin with postgres:// or sqlite:///"
_ENCODED = "write special characters of a password as %XX: @ as %40, / as %2F, : as %3A"
_PAIRS = {'"': '"', "'": "'", "`": "`", "“": "”", "‘": "’"}
# Blanks, and signs that a copied text may begin or end with and that no screen shows.
_UNSEEN = " \t\r\n\ufeff\u200b\u2060\xa0"

_POSTGRES = re.compile(r"(?:postgres(?:ql)?|psql|pgsql|postgis)(?:\+\w+)?://", re.IGNORECASE)
_SQLITE = re.compile(r"sqlite3?(?:\+\w+)?:", re.IGNORECASE)
_FILE = re.compile(r"file:", re.IGNORECASE)
_OTHER_KIND = re.compile(
    r"(cassandra|clickhouse|cockroachdb|couchdb|duckdb|https?|libsql|mariadb|mongodb|mssql|mysql2?|neo4j|oracle|prisma|"
    r"rediss?|snowflake|sqlserver|valkey)(?:\+\w+)?:",
    re.IGNORECASE,
)

_PLACE = re.compile(r"(?P<hosts>[^/?#]*)(?:/(?P<name>[^/?#]*)/?)?(?:\?(?P<options>.*))?")
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[\w.%~-]*)(?::(?P<port>[0-9]*))?")
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_MAX_PORT = 65_535
_OPTION_NAME = re.compile(r"[A-Za-z_]{1,40}")
_SCHEMAS = re.compile(r"[A-Za-z_][\w$]*(?:,[A-Za-z_][\w$]*)*")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Options that libpq 12 to 18 reads. https://www.postgresql.org/docs/current/libpq-connect.html
_LIBPQ = _words("""
application_name channel_binding client_encoding connect_timeout dbname fallback_application_name gssdelegation
gssencmode gsslib host hostaddr keepalives keepalives_count keepalives_idle keepalives_interval krbsrvname
load_balance_hosts options passfile password port require_auth requirepeer requiressl service ssl_max_protocol_version
ssl_min_protocol_version sslcert sslcertmode sslcompression sslcrl sslcrldir sslkey sslmode sslnegotiation sslpassword
sslrootcert sslsni target_session_attrs tcp_user_timeout user
""")
# Options without a meaning here, in lower case: pools, caches and time limits of other drivers. In this order: Prisma,
# with what hosting services add for it; Node's drivers; SQLAlchemy, asyncpg, Django; Go; Ruby and PHP; Java; and the
# server's own time limits, which the store sets.
_PASSED_OVER = _words("""
connection_limit max_connection_lifetime max_idle_connection_lifetime pgbouncer pool_timeout single_use_connections
socket_timeout statement_cache_size supa workaround
connectiontimeoutmillis idle_timeout idletimeoutmillis max max_lifetime min prepare query_timeout uselibpqcompat
async_fallback command_timeout conn_health_checks conn_max_age max_overflow pool_pre_ping pool_recycle pool_size
prepared_statement_cache_size
default_query_exec_mode description_cache_capacity pool_health_check_period pool_max_conn_idle_time
pool_max_conn_lifetime pool_max_conn_lifetime_jitter pool_max_conns pool_min_conns statement_cache_capacity
charset checkout_timeout encoding pool prepared_statements reaping_frequency serverversion timeout
logintimeout preparethreshold rewritebatchedinserts sockettimeout stringtype tcpkeepalive
idle_in_transaction_session_timeout lock_timeout statement_timeout
""")
# What only a shell replaces by a folder; taken as it is, it would begin a new store in a folder of this name.
_UNEXPANDED = ("~/", "$", "%USERPROFILE%", "%APPDATA%")
_OF_A_FILE = _words("""
_busy_timeout _fk _journal_mode cache check_same_thread connection_limit foreign_keys pool_timeout socket_timeout
timeout uri
""")
_SSL = {
    **dict.fromkeys(("", "1", "true", "required", "no-verify"), "require"),
    **dict.fromkeys(("0", "false", "disabled"), "disable"),
    "preferred": "prefer",
}


def read_database_url(text: str) -> str:
    """Return the URL in the form that the store reads; "" if there is nothing within the quotes.

    Raises:
        ValueError: the text names no store that we have. The message goes on from the variable's name.
    """
    url = _without_quotes(text)
    if match := _SQLITE.match(url):
        return _read_file(_path_of_sqlite(url[match.end() :]))
    if match := _FILE.match(url):
        return _read_file(_path_of_file(url[match.end() :]))
    if match := _POSTGRES.match(url):
        if odd := find_odd_spelling(url):
            raise ValueError(odd)
        return _read_server(url[match.end() :])
    if url:
        raise ValueError(_explain_beginning(url))
    return ""


def _without_quotes(text: str) -> str:
    """Return a text without quotes, blanks and `psql ` around it: hosting services show it as a command."""
    text = text.strip(_UNSEEN).removeprefix("psql ").strip(_UNSEEN)
    while len(text) > 1 and _PAIRS.get(text[0]) == text[-1]:
        text = text[1:-1].strip(_UNSEEN)
    return text


def _explain_beginning(url: str) -> str:
    if url.lower().startswith("jdbc:"):
        return f"is in JDBC's form; it {BEGINS}, as in postgres://user:password@host/name"
    kind = _OTHER_KIND.match(url)
    return f"names another kind of database ({kind[1].lower()}); it {BEGINS}" if kind else BEGINS


# --- SQLite


def _path_of_sqlite(rest: str) -> str:
    """Return the path after `sqlite:`. It begins after the third slash, as in SQLAlchemy's URLs."""
    return rest[3:] if rest.startswith("///") else rest.removeprefix("//")


def _path_of_file(rest: str) -> str:
    """Return the path after `file:`.

    If it begins with two slashes, it is a URI: remove them and `localhost`, and decode each %XX.
    """
    return unquote(rest.removeprefix("//").removeprefix("localhost")) if rest.startswith("//") else rest


def _read_file(rest: str) -> str:
    file, _, query = rest.partition("?")
    options = dict(_pairs(query))
    if file.startswith(":memory:") or options.get("mode") == "memory":
        raise ValueError("must name a file: a store in memory would forget")
    if not file or file.endswith("/"):
        raise ValueError("must name a file after sqlite:///")
    if file.startswith(_UNEXPANDED):
        raise ValueError("must name its file by the whole path: ~ and $ do not stand for a folder here")
    for name, value in options.items():
        if name not in _OF_A_FILE and (name, value) not in (("mode", "rwc"), ("mode", "rw")):
            raise ValueError("must not have options after the file's name")
    return f"sqlite:///{file}"


# --- PostgreSQL


def _read_server(text: str) -> str:
    """Return the URL of a server. Passwords may hold every character, written as %XX or not."""
    if "%00" in text:
        raise ValueError("has %00, which no password and no name may hold")
    problems = []
    for end in _ends_of_login(text):
        try:
            return _read_parts(text[: max(end, 0)], text[end + 1 :])
        except ValueError as exc:
            problems.append(str(exc))
    raise ValueError(problems[0])


def _ends_of_login(text: str) -> Iterator[int]:
    """Yield the places at which the login (user and password) may end; -1: there is no login.

    First comes the place that libpq would take, then each @.
    """
    if "@" not in text.partition("/")[0]:
        yield -1
    yield from (match.start() for match in re.finditer("@", text))


def _read_parts(login: str, place: str) -> str:
    """Return the URL of a server whose text is split here into the login and the rest.

    Raises:
        ValueError: the text cannot be split here.
    """
    parts = _PLACE.fullmatch(place)
    if parts is None:
        raise ValueError(
            f"has an @ or / too many; {_ENCODED}" if "@" in place else "must end in the database's name alone"
        )
    hosts, name, options = parts["hosts"], parts["name"] or "", parts["options"] or ""
    if "@" in f"{hosts}{name}" or (set("/?") & set(login) and not name):
        raise ValueError(f"has an @ or / too many; {_ENCODED}")
    if not (hosts or name or options):
        raise ValueError("must name a server and a database")
    if not all(map(_is_host, hosts.split(","))):
        raise ValueError(f"has a host or port that cannot be read; {_ENCODED}")
    user, colon, password = login.partition(":")
    before = f"{_encoded(user)}{colon}{_encoded(password)}@" if login else ""
    query = "&".join(f"{key}={quote(value, safe='%')}" for key, value in _taken_options(options).items())
    return f"postgresql://{before}{hosts}/{quote(name, safe='%')}{query and '?'}{query}"


def _is_host(text: str) -> bool:
    match = _HOST.fullmatch(text)
    return match is not None and (not match["port"] or 0 < int(match["port"]) <= _MAX_PORT)


def _encoded(text: str) -> str:
    """Return a user or a password with special characters written as %XX.

    If every % in the text begins a %XX already, these are kept.
    """
    return quote(text, safe="" if _BAD_PERCENT.search(text) else "%")


def _pairs(query: str) -> Iterator[tuple[str, str]]:
    return ((name, value) for name, _, value in (part.partition("=") for part in query.split("&") if part))


def _taken_options(text: str) -> dict[str, str]:
    """Return the options for libpq, with values written as %XX; common options of other drivers are translated.

    Raises:
        ValueError: an option is not known, or its value is not.
    """
    if _BAD_PERCENT.search(text):
        raise ValueError("has a % without two digits after it; write % itself as %25")
    taken: dict[str, str] = {}
    is_strict = False
    for name, value in _pairs(text):
        folded = name.lower()
        if folded in ("schema", "currentschema", "search_path"):
            path = _search_path(unquote(value))
            taken |= {"options": f"{taken.get('options', '')}{path}"} if path else {}
        elif folded in ("ssl", "ssl_require", "sslmode"):
            mode = value.lower().replace("_", "-")  # Java and MySQL write REQUIRED, VERIFY_CA
            taken["sslmode"] = _SSL.get(mode, mode)
        elif folded == "sslaccept":
            is_strict = value.lower() == "strict"
        elif name in _LIBPQ:
            taken[name] = f"{value}{taken.get(name, '')}" if name == "options" else value
        elif folded not in _PASSED_OVER:
            raise ValueError(_explain_option(name, text))
    return {"sslrootcert": "system"} | taken | {"sslmode": "verify-full"} if is_strict else taken


def _search_path(schemas: str) -> str:
    """Return the schemas as an option of the server, written as %XX; "" for PostgreSQL's own default."""
    if schemas in ("", "public"):
        return ""
    if not _SCHEMAS.fullmatch(schemas):
        raise ValueError("has a name after schema= that is no schema's")
    return quote(" -c search_path=" + ",".join(f'"{name}"' for name in schemas.split(",")), safe="")


def _explain_option(name: str, text: str) -> str:
    if "@" in text or not _OPTION_NAME.fullmatch(name):  # may be a part of a password
        return f"has an option that cannot be read; {_ENCODED}"
    return f"has the option {name}, which is not understood; leave it out"
