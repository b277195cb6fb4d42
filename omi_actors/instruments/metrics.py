"""The Prometheus metrics of the program: name, help, unit, labels.

Not here: counting (beside each event), gauges that are measured once a second (actors/metrics_collector.py).
Threads: any; the client library's counters are thread-safe. Labels are bounded sets, never an id or spoken text.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge

from omi_actors.instruments.readings import Times

REGISTRY = CollectorRegistry()

# Seconds, from a part of a webhook to the longest answer. Exact quantiles of recent times: latencies.py.
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0)

# --- HTTP
HTTP_REQUESTS = Counter(
    "omi_http_requests_total",
    "Finished requests by route template and status class.",
    ["route", "method", "status"],
    registry=REGISTRY,
)
HTTP_SECONDS = Times(
    "omi_http_request_seconds",
    "Seconds from the last byte of a request to its reply.",
    ["route"],
    buckets=_BUCKETS,
    registry=REGISTRY,
)
HTTP_ACTIVE = Gauge("omi_http_requests_active", "Requests in progress.", registry=REGISTRY)
WEBHOOKS = Counter(
    "omi_webhooks_total",
    "Webhooks by payload kind and outcome: accepted (durable), repeated (signed, and accepted before), dropped "
    "(wholly or in part; answered 200 with the drop header), refused, cut (the connection closed before its end).",
    ["kind", "outcome"],
    registry=REGISTRY,
)
WEBHOOKS_UNAUTHORIZED = Counter(
    "omi_webhooks_unauthorized_total",
    "Webhooks without the right token or signature, by reply: told (401), slowed (429).",
    ["reply"],
    registry=REGISTRY,
)
SIGN_INS = Counter(
    "omi_sign_ins_total",
    "Passwords that clients sent, by verdict: right, wrong, refused (too many wrong ones).",
    ["verdict"],
    registry=REGISTRY,
)
WEBHOOKS_DROPPED = Counter(
    "omi_webhooks_dropped_total",
    "Dropped webhooks, and dropped parts of webhooks, by reason.",
    ["reason"],
    registry=REGISTRY,
)
WEBHOOKS_REFUSED = Counter(
    "omi_webhooks_refused_total",
    "Refused webhooks by the code of their reply: unauthorized, malformed_json, rate_limited, too_large, overloaded…",
    ["reason"],
    registry=REGISTRY,
)
SEGMENTS = Counter(
    "omi_segments_total",
    "Transcript segments by outcome: new, updated (more text, or another speaker), duplicate, blank, invalid.",
    ["outcome"],
    registry=REGISTRY,
)

# --- Actors
ACTORS_LIVE = Gauge("omi_actors_live", "Actors running now.", ["kind"], registry=REGISTRY)
ACTOR_CRASHES = Counter("omi_actor_crashes_total", "Crashes: turns that ended an actor.", ["kind"], registry=REGISTRY)
ACTOR_RESTARTS = Counter("omi_actor_restarts_total", "Restarts after a crash.", ["kind"], registry=REGISTRY)
QUARANTINES = Counter(
    "omi_quarantines_total",
    "Children quarantined after too many crashes.",
    ["kind"],
    registry=REGISTRY,
)
QUARANTINED = Gauge("omi_actors_quarantined", "Children in quarantine now.", ["kind"], registry=REGISTRY)
RECOVERY_SECONDS = Times(
    "omi_actor_recovery_seconds",
    "Seconds from a crash until the replacement runs.",
    ["kind"],
    buckets=_BUCKETS,
    registry=REGISTRY,
)
UNDELIVERABLE = Counter(
    "omi_undeliverable_total",
    "Undeliverable messages by receiver kind and reason.",
    ["kind", "reason"],
    registry=REGISTRY,
)
ASK_TIMEOUTS = Counter("omi_ask_timeouts_total", "Asks that got no reply in time.", ["kind"], registry=REGISTRY)
MAILBOX_FULL = Counter("omi_mailbox_full_total", "Messages refused by a full mailbox.", ["kind"], registry=REGISTRY)
ZOMBIE_ACTORS = Gauge("omi_zombie_actors", "Fenced threads: they outlived their shutdown timeout.", registry=REGISTRY)
LOOP_LAG_SECONDS = Times(
    "omi_loop_lag_seconds",
    "Delay of a timer on the event loop in seconds, with garbage collection.",
    buckets=_BUCKETS,
    registry=REGISTRY,
)
LOOP_LAG_MAX = Gauge("omi_loop_lag_max_seconds", "Worst loop lag of the last minute.", registry=REGISTRY)

# --- Sessions
SESSIONS_LIVE = Gauge("omi_sessions_live", "Sessions in memory now.", registry=REGISTRY)
SESSION_LOOKUPS = Counter(
    "omi_session_lookups_total",
    "Messages to sessions in memory (hit), and to sessions that were activated first (miss); counted every second.",
    ["outcome"],
    registry=REGISTRY,
)
SESSION_ACTIVATIONS = Counter(
    "omi_session_activations_total", "Sessions activated: loaded into memory.", registry=REGISTRY
)
SESSION_PASSIVATIONS = Counter(
    "omi_session_passivations_total", "Idle sessions passivated: removed from memory.", registry=REGISTRY
)
SESSION_RETAKES = Counter(
    "omi_session_retakes_total",
    "Sessions in memory that another node had taken meanwhile, and that this one took back.",
    registry=REGISTRY,
)
QUESTIONS = Counter("omi_questions_total", "Questions recognised in speech and stored.", registry=REGISTRY)
QUESTIONS_REPEATED = Counter(
    "omi_questions_repeated_total",
    "Questions in speech that were not asked: nearly the same words as a moment ago.",
    registry=REGISTRY,
)
NOT_MEANT = Counter(
    "omi_questions_not_meant_total",
    "Speech without a wake phrase that was left alone, as it is for somebody else, by the step that found it: words "
    "(before it became a question), or model (after it was asked; the question is withdrawn).",
    ["step"],
    registry=REGISTRY,
)
ANSWERS = Counter(
    "omi_answers_total",
    "Questions that ended, by outcome and cause: answered, or failed (the asker got a sentence that says so).",
    ["outcome", "cause"],
    registry=REGISTRY,
)
CHATS = Counter(
    "omi_chats_total",
    "Chat questions by outcome: answered, duplicate, known (its key came again), late, left (cancelled by its asker).",
    ["outcome"],
    registry=REGISTRY,
)
COMPLETIONS = Counter(
    "omi_completions_total",
    "Completions of persons' programs (/v1) by outcome and cause: answered, failed, left (the program hung up).",
    ["outcome", "cause"],
    registry=REGISTRY,
)
DELIVERIES = Counter(
    "omi_deliveries_total", "Answers by channel and end state.", ["channel", "state"], registry=REGISTRY
)
NOTIFICATIONS = Counter(
    "omi_notifications_total",
    "Notifications by outcome: sent, unclear, unreachable; or not tried: taken, expired, unwanted, no_budget…",
    ["outcome"],
    registry=REGISTRY,
)
NOTIFY_BREAKER_STATE = Gauge(
    "omi_notify_breaker_state", "Circuit breaker of Omi's API: 0 closed, 1 half-open, 2 open.", registry=REGISTRY
)
NOTIFY_BREAKER_OPENINGS = Counter(
    "omi_notify_breaker_openings_total", "Times that the circuit breaker of Omi's API opened.", registry=REGISTRY
)
NOTIFY_BREAKER_REFUSALS = Counter(
    "omi_notify_breaker_refusals_total",
    "Notifications that were not tried because the circuit breaker was open.",
    registry=REGISTRY,
)
NOTIFICATION_LAST = Gauge(
    "omi_notification_last_timestamp_seconds",
    "UTC second of the latest notification attempt, by outcome.",
    ["outcome"],
    registry=REGISTRY,
)
TIME_TO_ANSWER = Times(
    "omi_time_to_answer_seconds",
    "Seconds from the last words of a question to the moment when its answer has left, by channel (inline, "
    "next_webhook, notify, chat) and by what ended the question (words, pause, speaker, limit, typed, unknown).",
    ["channel", "ended_by"],
    buckets=(0.05, 0.1, 0.3, 0.6, 1.0, 1.5, 2.0, 2.8, 4.0, 7.0, 12.0, 30.0, 120.0),
    registry=REGISTRY,
)
ANSWER_SECONDS = Times(
    "omi_answer_seconds",
    "Seconds from the recognition of a question to its reply.",
    buckets=_BUCKETS,
    registry=REGISTRY,
)

# --- Store
STORE_COMMIT_SECONDS = Times(
    "omi_store_commit_seconds",
    "Seconds of one group commit, with its sync.",
    buckets=_BUCKETS,
    registry=REGISTRY,
)
STORE_GROUP_SIZE = Times(
    "omi_store_group_size",
    "Commits that shared one transaction.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
    registry=REGISTRY,
)
STORE_COMMITS = Counter(
    "omi_store_commits_total",
    "Commits by outcome: stored, fenced, failed, unavailable.",
    ["outcome"],
    registry=REGISTRY,
)
STORE_ERRORS = Counter("omi_store_errors_total", "Store failures by kind.", ["kind"], registry=REGISTRY)
STORE_CONFLICTS = Counter(
    "omi_store_conflicts_total", "Transactions repeated after a conflict with another node's.", registry=REGISTRY
)
STORE_READ_SECONDS = Times(
    "omi_store_read_seconds", "Seconds of one read.", ["query"], buckets=_BUCKETS, registry=REGISTRY
)

PRUNED_ROWS = Counter(
    "omi_pruned_rows_total",
    "Rows deleted by retention, by table.",
    ["table"],
    registry=REGISTRY,
)
MEMORIES = Counter(
    "omi_memories_total",
    "Memories by their source: typed, imported, conversation (one that Omi created), skipped (known, or empty).",
    ["source"],
    registry=REGISTRY,
)
RETENTION_ROUNDS = Counter(
    "omi_retention_rounds_total",
    "Rounds of the janitor by outcome: ended, rested, refused (too much would go), failed.",
    ["outcome"],
    registry=REGISTRY,
)
CLOCK_OFF_SECONDS = Gauge(
    "omi_clock_off_seconds",
    "Seconds that this node's clock is ahead of the database's; negative: behind. 0 with SQLite.",
    registry=REGISTRY,
)

# --- Jobs
JOBS_ENQUEUED = Counter("omi_jobs_enqueued_total", "Jobs durably enqueued.", ["kind"], registry=REGISTRY)
JOB_ATTEMPTS = Counter(
    "omi_job_attempts_total",
    "Attempts by outcome: done, retried, buried, lease_lost, released, cancelled.",
    ["kind", "outcome"],
    registry=REGISTRY,
)
JOB_SECONDS = Times("omi_job_seconds", "Seconds of one attempt.", ["kind"], buckets=_BUCKETS, registry=REGISTRY)
JOBS_REAPED = Counter(
    "omi_jobs_reaped_total", "Jobs taken back after their lease or their node's expired.", registry=REGISTRY
)
JOBS = Gauge("omi_jobs", "Jobs in the table by state.", ["state"], registry=REGISTRY)
OLDEST_READY_SECONDS = Gauge(
    "omi_oldest_ready_job_seconds", "Age of the oldest ready job in seconds.", registry=REGISTRY
)

# --- Model
MODEL_SECONDS = Times(
    "omi_model_seconds",
    "Seconds of one model call.",
    ["provider", "outcome"],
    buckets=_BUCKETS,
    registry=REGISTRY,
)
MODEL_BREAKER_STATE = Gauge(
    "omi_model_breaker_state",
    "Circuit breaker of the model: 0 closed, 1 half-open, 2 open.",
    ["model"],
    registry=REGISTRY,
)
MODEL_BREAKER_OPENINGS = Counter(
    "omi_model_breaker_openings_total",
    "Times that the circuit breaker of the model opened.",
    ["model"],
    registry=REGISTRY,
)
MODEL_BREAKER_REFUSALS = Counter(
    "omi_model_breaker_refusals_total",
    "Calls that were not made because the circuit breaker was open.",
    ["model"],
    registry=REGISTRY,
)
MODEL_FALLBACKS = Counter(
    "omi_model_fallbacks_total",
    "Questions passed on to the next model, by the model that failed and the cause.",
    ["model", "cause"],
    registry=REGISTRY,
)

BUDGET_REFUSALS = Counter(
    "omi_budget_refusals_total",
    "Questions refused because a budget was spent, by its owner (owner, all) and its period.",
    ["whose", "period"],
    registry=REGISTRY,
)
MODEL_TOKENS = Counter(
    "omi_model_tokens_total",
    "Tokens of questions and answers: counted by the model's server (told), or estimated from characters (estimated).",
    ["source"],
    registry=REGISTRY,
)

MODEL_ANSWERS_CUT = Counter(
    "omi_model_answers_cut_total",
    "Answers cut at a sentence's end at their token limit: by the model's server, or by this program (us).",
    ["by"],
    registry=REGISTRY,
)

# --- Backplane
BACKPLANE_SHARED = Gauge(
    "omi_backplane_shared", "Connection to other nodes through Redis: 1 connected, 0 alone.", registry=REGISTRY
)
BACKPLANE_LOSSES = Counter(
    "omi_backplane_losses_total", "Failed and lost connections to Redis by cause.", ["cause"], registry=REGISTRY
)
BACKPLANE_RECEIVED = Counter(
    "omi_backplane_received_total", "Hints received from other nodes: wake, answered.", ["kind"], registry=REGISTRY
)
NODES_SHARING = Gauge(
    "omi_nodes_sharing",
    "Living nodes that share the sessions, seen from here; 0: this node works alone.",
    registry=REGISTRY,
)
FORWARDS = Counter(
    "omi_forwards_total",
    "Messages between nodes about sessions: forwarded to the owner, served for another node, taken_over since the owner"
    " was silent.",
    ["outcome"],
    registry=REGISTRY,
)
BACKPLANE_DROPPED = Counter(
    "omi_backplane_dropped_total",
    "Lost hints to other nodes: outbox_full, unreachable; and unreadable ones: foreign.",
    ["reason"],
    registry=REGISTRY,
)

# --- Process
LOG_LINES_LOST = Counter(
    "omi_log_lines_lost_total",
    "Lines missing in the log file by reason: full (too many waited for the disk), unwritable.",
    ["reason"],
    registry=REGISTRY,
)
PROCESS_RESIDENT_BYTES = Gauge("omi_process_resident_bytes", "Resident memory.", registry=REGISTRY)
UPTIME_SECONDS = Gauge("omi_uptime_seconds", "Seconds since start.", registry=REGISTRY)
NODE_UP = Gauge("omi_node_up", "1; in the metrics of several nodes 0 for one that is silent.", registry=REGISTRY)
NODE_UP.set(1)


class Extremes:
    """The shortest and the longest request since the start, in seconds, without those of pages; None before the first.

    Event loop only.
    """

    __slots__ = ("highest", "lowest")

    def __init__(self) -> None:
        self.lowest: float | None = None
        self.highest: float | None = None

    def note(self, seconds: float) -> None:
        """Include one more request."""
        if self.lowest is None or seconds < self.lowest:
            self.lowest = seconds
        if self.highest is None or seconds > self.highest:
            self.highest = seconds


HTTP_EXTREMES = Extremes()
