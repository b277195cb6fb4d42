"""The state that all handlers of one server share.

Not here: making the server (server.py). Threads: the event loop.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from config.settings import Settings
from omi_actors.backplane.counters import WindowCounters
from omi_actors.clock import Clock
from omi_actors.domain.people.accounts import digest_of
from omi_actors.kit.pacer import Pacer
from omi_actors.status.health import feature_states
from omi_actors.system import System
from web.auth import ChatGuard, Replays, WebhookAuth
from web.dashboard import Dashboard
from web.edge.addresses import Hosts
from web.edge.browsers import Cors
from web.edge.limits import (
    SMALL_BODY_BYTES,
    BodyReaders,
    RefusedWebhooks,
    RequestLimit,
    Traffic,
    Uploads,
    WebhookLimit,
)
from web.edge.operator_sessions import FILE_NAME, OperatorSessions
from web.feeds import Feeds
from web.identity import REMEMBERED_ALONE_S, REMEMBERED_S, Identities
from web.legacy import Legacy
from web.prompt_files import load_prompts

if TYPE_CHECKING:
    import asyncio

    from web.relay import Relay

# Seconds after the reply deadline in which the system itself reports that the answer is late.
_GRACE_S = 1.0
# Seconds of silence after which a stream sends a heartbeat; proxies close silent streams after 30 s or more.
_HEARTBEAT_S = 15.0
# Seconds after which event streams look for news without a hint, with other nodes and without.
_LOOK_S, _LOOK_ALONE_S = 5.0, 60.0


# Seconds after which Omi is asked again for a person's memories: clients import whenever they show them.
_IMPORT_FRESH_S = 60.0
# Seconds within which an import that was cut goes on where it was.
_IMPORT_CUT_S = 600.0
_KNOWN_IMPORTS = 1_000
# Remembered addresses of persons: some megabytes.
_KNOWN_ADDRESSES = 20_000


class Times:
    """Timeouts in seconds."""

    def __init__(self, settings: Settings) -> None:
        self.request_s = settings.request_timeout_s
        self.webhook_s = min(settings.webhook_reply_deadline_s + _GRACE_S, settings.request_timeout_s)
        self.chat_s = settings.chat_reply_deadline_s + _GRACE_S
        # A session's turn that loads and commits.
        self.turn_s = settings.store_read_timeout_s + settings.store_write_timeout_s
        self.slow_request_s = settings.slow_request_threshold_s
        self.completion_s = settings.completions_timeout_s + _GRACE_S
        self.heartbeat_s = _HEARTBEAT_S
        self.message_s = settings.message_reply_deadline_s


class People:
    """The operator's decisions about accounts, and the state that persons' addresses share."""

    def __init__(self, system: System, settings: Settings, clock: Clock) -> None:
        # Without Redis other nodes send no hints of what they store; a SQLite file has no other nodes.
        look_s = _LOOK_S if settings.database_url else _LOOK_ALONE_S
        self.feeds = Feeds(system, clock, max_readers=settings.streams_per_account, look_s=look_s)
        self.registration = settings.registration
        self.tasks_per_account = settings.tasks_per_account
        self.login_max_failures = settings.login_max_failures
        self.stream_token_in_url = settings.stream_token_in_url
        # Shown to a person who has chosen none.
        self.listen_mode, self.followup_window_ms = settings.default_listen_mode, settings.default_followup_window_ms
        self.wake_names, self.wake_by = settings.wake_names, settings.wake_by
        self.known_addresses = KnownAddresses()
        # The server's prompts by name.
        self.prompts = load_prompts(settings.prompts_dir)
        # Tasks that go on after the reply of their request.
        self.under_way: set[asyncio.Future[Any]] = set()
        # Accounts of which an export is being sent.
        self.exporting: set[str] = set()


class KnownAddresses:
    """Addresses at which this node has seen the right password of an account, as digests; the oldest are forgotten."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, None] = OrderedDict()

    def note(self, email: str, address: str) -> None:
        """Remember that the account's person was at this address."""
        key = digest_of(f"{address} {email}")
        self._known[key] = None
        self._known.move_to_end(key)
        if len(self._known) > _KNOWN_ADDRESSES:
            self._known.popitem(last=False)

    def has(self, email: str, address: str) -> bool:
        """Return True if the account's person was at this address."""
        return digest_of(f"{address} {email}") in self._known


@dataclass(frozen=True, slots=True)
class ImportPlace:
    """A place in the memories of a person's wearables at Omi, which are taken one wearable after the other.

    `read` is the number of those before it, `taken` of those that are memories; `offset` is within its wearable.
    """

    wearable: int = 0
    offset: int = 0
    read: int = 0
    taken: int = 0


@dataclass(frozen=True, slots=True)
class _Import:
    uids: tuple[str, ...]
    most: int
    at_mono_s: float
    place: ImportPlace
    is_cut: bool


class RecentImports:
    """The latest imports of this node, by account: of which wearables, up to how many memories, and how far."""

    def __init__(self) -> None:
        self._imports: OrderedDict[str, _Import] = OrderedDict()

    def find(self, account_id: str, uids: tuple[str, ...], most: int, now_mono_s: float) -> int | None:
        """Return the number of memories of an import that is whole, fresh, and at least as large; else None."""
        known = self._imports.get(account_id)
        if known is None or known.is_cut or known.uids != uids or known.most < most:
            return None
        return known.place.taken if now_mono_s - known.at_mono_s <= _IMPORT_FRESH_S else None

    def find_place(self, account_id: str, uids: tuple[str, ...], most: int, now_mono_s: float) -> ImportPlace:
        """Return the place where an import of this size was cut lately, and goes on; else the first one."""
        known = self._imports.get(account_id)
        if known is None or not known.is_cut or (known.uids, known.most) != (uids, most):
            return ImportPlace()
        return known.place if now_mono_s - known.at_mono_s <= _IMPORT_CUT_S else ImportPlace()

    def note(
        self,
        account_id: str,
        uids: tuple[str, ...],
        most: int,
        place: ImportPlace,
        now_mono_s: float,
        *,
        is_cut: bool,
    ) -> None:
        """Remember how far an import came; forget the oldest import if there are too many."""
        self._imports[account_id] = _Import(uids, most, now_mono_s, place, is_cut)
        self._imports.move_to_end(account_id)
        if len(self._imports) > _KNOWN_IMPORTS:
            self._imports.popitem(last=False)


class Site:
    """The system, the limits, and the server's own state. Handlers reach it as `self.site`."""

    # The way to the other processes at this address; None of a process that is alone.
    relay: "Relay | None" = None

    def __init__(self, system: System, settings: Settings, clock: Clock) -> None:
        self.system = system
        self.clock = clock
        self.auth = WebhookAuth(settings, clock)
        self.chat_guard = ChatGuard(settings)
        self.traffic = Traffic(clock, settings.body_timeout_s)
        self.admin_token = settings.admin_token.get_secret_value().encode() if settings.admin_token else b""
        self.metrics_token = settings.metrics_token.get_secret_value().encode() if settings.metrics_token else b""
        self.environment = settings.app_env
        self.features = feature_states(settings)
        # None when no speech is answered.
        self.wake_names = settings.wake_names if settings.enable_context_activation else ()
        self.has_metrics = settings.enable_metrics
        self.readers = BodyReaders()
        # Chunks of large bodies are spread over iterations of the loop; so are snapshots, which take milliseconds.
        self.body_pacer, self.snapshot_pacer = Pacer(), Pacer()
        self.max_body_bytes = settings.max_request_size
        # Bodies up to this size are accepted without checks of size or memory.
        self.free_body_bytes = min(SMALL_BODY_BYTES, settings.max_request_size)
        self.times = Times(settings)
        self.dashboard = Dashboard(
            system,
            clock,
            self.snapshot_pacer,
            max_viewers=settings.dashboard_streams,
            slow_request_s=self.times.slow_request_s,
        )
        self.max_message_chars = settings.chat_max_message_chars
        self.hosts = Hosts(settings)
        self.cors, self.trusted_proxies = Cors(settings.cors_origins, settings.cors_max_age_s), settings.trust_proxy
        # Without `legacy`, replies have the shapes of the original's second version.
        self.compresses, self.legacy = settings.enable_compression, Legacy(settings) if settings.legacy_shapes else None
        self.sends_security_headers = settings.enable_helmet
        self.uploads = Uploads(max(settings.max_buffered_bodies, settings.max_request_size))
        secret = settings.session_secret.get_secret_value() if settings.session_secret else ""
        self.operators = OperatorSessions(
            clock, settings.data_dir / FILE_NAME, secret, shares_keys=settings.processes > 1
        )
        self.replays, self.imports = Replays(clock), RecentImports()
        # None: there are no accounts here.
        self.identities = _identities(system, settings, clock) if settings.enable_user_system else None
        self.people = People(system, settings, clock)
        self.request_limit, self.webhook_limit = _limits(settings, system.counters)
        self.refused_webhooks = RefusedWebhooks(self.request_limit, clock)


def _identities(system: System, settings: Settings, clock: Clock) -> Identities:
    """Return the finder of tokens. With a SQLite file no other node can revoke one, so it looks them up rarely."""
    return Identities(system, clock, remembered_s=REMEMBERED_S if settings.database_url else REMEMBERED_ALONE_S)


def _limits(settings: Settings, counters: WindowCounters) -> tuple[RequestLimit | None, WebhookLimit | None]:
    if not settings.enable_rate_limit:
        return None, None
    only_failed, window_s = settings.rate_limit_skip_successful, settings.rate_limit_window_s
    requests = RequestLimit(counters, settings.rate_limit_max_requests, window_s, only_failed=only_failed)
    # A webhook is counted once its owner is known; it hardly ever fails then, so `only_failed` needs no limit.
    return requests, None if only_failed else WebhookLimit(counters, settings.rate_limit_max_webhooks, window_s)
