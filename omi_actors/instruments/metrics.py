"""Every Prometheus metric of the program: name, help, unit, labels.

Not here: where they are counted (beside the event), gauges that must be asked for (actors/metrics_collector.py).
Threads: any; the client library's counters are thread-safe. Labels are bounded sets, never an id or a person's word.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

# Seconds. Fine below 50 ms, where our own share of a request lies; coarse up to the reply deadline.
_FAST_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 12.0)
_SLOW_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0)

# --- HTTP
HTTP_REQUESTS = Counter(
    "omi_http_requests_total",
    "Requests finished, each counted once, by route template and status class.",
    ["route", "method", "status"],
    registry=REGISTRY,
)
HTTP_SECONDS = Histogram(
    "omi_http_request_seconds",
    "Seconds from a request's last byte in to its reply.",
    ["route"],
    buckets=_FAST_BUCKETS,
    registry=REGISTRY,
)
HTTP_ACTIVE = Gauge("omi_http_requests_active", "Requests being served now.", registry=REGISTRY)
WEBHOOKS = Counter(
    "omi_webhooks_total",
    "Webhooks by payload kind and outcome: accepted (durable), repeated (signed, and accepted before), dropped "
    "(answered 200 with the drop header), refused.",
    ["kind", "outcome"],
    registry=REGISTRY,
)
WEBHOOKS_DROPPED = Counter(
    "omi_webhooks_dropped_total",
    "Webhooks, or parts of one, that were not kept, by reason.",
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
ACTOR_CRASHES = Counter("omi_actor_crashes_total", "Turns that ended an actor.", ["kind"], registry=REGISTRY)
ACTOR_RESTARTS = Counter("omi_actor_restarts_total", "Replacements started after a crash.", ["kind"], registry=REGISTRY)
QUARANTINES = Counter(
    "omi_quarantines_total",
    "Children that crashed too often and were set aside for a while.",
    ["kind"],
    registry=REGISTRY,
)
QUARANTINED = Gauge("omi_actors_quarantined", "Children set aside now.", ["kind"], registry=REGISTRY)
RECOVERY_SECONDS = Histogram(
    "omi_actor_recovery_seconds",
    "Seconds from a crash to the replacement running.",
    ["kind"],
    buckets=_FAST_BUCKETS,
    registry=REGISTRY,
)
UNDELIVERABLE = Counter(
    "omi_undeliverable_total",
    "Messages that no actor will handle, by receiver kind and reason.",
    ["kind", "reason"],
    registry=REGISTRY,
)
ASK_TIMEOUTS = Counter("omi_ask_timeouts_total", "Asks without a reply in time.", ["kind"], registry=REGISTRY)
MAILBOX_FULL = Counter("omi_mailbox_full_total", "Messages refused by a full mailbox.", ["kind"], registry=REGISTRY)
ZOMBIE_ACTORS = Gauge(
    "omi_zombie_actors", "Threads that outlived their shutdown timeout and were fenced.", registry=REGISTRY
)
LOOP_LAG_SECONDS = Histogram(
    "omi_loop_lag_seconds",
    "Seconds by which the event loop ran a timer late, garbage collection included.",
    buckets=_FAST_BUCKETS,
    registry=REGISTRY,
)
LOOP_LAG_MAX = Gauge("omi_loop_lag_max_seconds", "Worst loop lag of the last minute.", registry=REGISTRY)

# --- Sessions
SESSIONS_LIVE = Gauge("omi_sessions_live", "Sessions held by an actor now.", registry=REGISTRY)
SESSION_LOOKUPS = Counter(
    "omi_session_lookups_total",
    "Messages to sessions by whether theirs was in memory (hit) or had to be activated (miss); counted every second.",
    ["outcome"],
    registry=REGISTRY,
)
SESSION_ACTIVATIONS = Counter("omi_session_activations_total", "Sessions taken into memory.", registry=REGISTRY)
SESSION_PASSIVATIONS = Counter("omi_session_passivations_total", "Idle sessions let go.", registry=REGISTRY)
QUESTIONS = Counter("omi_questions_total", "Questions heard and durably accepted.", registry=REGISTRY)
CHATS = Counter(
    "omi_chats_total",
    "Typed questions by what became of them: answered, duplicate, known (its key came again), late, left (called off).",
    ["outcome"],
    registry=REGISTRY,
)
DELIVERIES = Counter(
    "omi_deliveries_total", "Answers by channel and end state.", ["channel", "state"], registry=REGISTRY
)
NOTIFICATIONS = Counter(
    "omi_notifications_total",
    "Notifications tried: sent, unclear (nobody knows), unreachable, or why not: taken, expired, set_aside, no_budget…",
    ["outcome"],
    registry=REGISTRY,
)
NOTIFY_BREAKER_STATE = Gauge(
    "omi_notify_breaker_state", "Whether Omi's API is asked: 0 closed, 1 half-open, 2 open.", registry=REGISTRY
)
NOTIFY_BREAKER_OPENINGS = Counter(
    "omi_notify_breaker_openings_total", "Times that Omi's API was set aside for failing.", registry=REGISTRY
)
NOTIFY_BREAKER_REFUSALS = Counter(
    "omi_notify_breaker_refusals_total",
    "Notifications that were not tried because it was set aside.",
    registry=REGISTRY,
)
NOTIFICATION_LAST = Gauge(
    "omi_notification_last_timestamp_seconds",
    "UTC second of the latest notification attempt, by outcome.",
    ["outcome"],
    registry=REGISTRY,
)
ANSWER_SECONDS = Histogram(
    "omi_answer_seconds",
    "Seconds from hearing a question to its reply going out.",
    buckets=_SLOW_BUCKETS,
    registry=REGISTRY,
)

# --- Store
STORE_COMMIT_SECONDS = Histogram(
    "omi_store_commit_seconds",
    "Seconds of one group commit, sync included.",
    buckets=_FAST_BUCKETS,
    registry=REGISTRY,
)
STORE_GROUP_SIZE = Histogram(
    "omi_store_group_size",
    "Commits that shared one transaction.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
    registry=REGISTRY,
)
STORE_COMMITS = Counter(
    "omi_store_commits_total",
    "Commits asked for, by outcome: stored, fenced, failed, unavailable.",
    ["outcome"],
    registry=REGISTRY,
)
STORE_ERRORS = Counter("omi_store_errors_total", "Store failures by kind.", ["kind"], registry=REGISTRY)
STORE_CONFLICTS = Counter(
    "omi_store_conflicts_total", "Transactions done again since another node's was in their way.", registry=REGISTRY
)
STORE_READ_SECONDS = Histogram(
    "omi_store_read_seconds", "Seconds of one read.", ["query"], buckets=_FAST_BUCKETS, registry=REGISTRY
)

PRUNED_ROWS = Counter(
    "omi_pruned_rows_total",
    "Rows deleted since they had been kept long enough, by table.",
    ["table"],
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
JOB_SECONDS = Histogram(
    "omi_job_seconds", "Seconds of one attempt.", ["kind"], buckets=_SLOW_BUCKETS, registry=REGISTRY
)
JOBS_REAPED = Counter("omi_jobs_reaped_total", "Jobs whose lease ran out and that were taken back.", registry=REGISTRY)
JOBS = Gauge("omi_jobs", "Jobs in the table by state.", ["state"], registry=REGISTRY)
OLDEST_READY_SECONDS = Gauge("omi_oldest_ready_job_seconds", "Age of the job that waits longest.", registry=REGISTRY)

# --- Model
MODEL_SECONDS = Histogram(
    "omi_model_seconds",
    "Seconds of one model call.",
    ["provider", "outcome"],
    buckets=_SLOW_BUCKETS,
    registry=REGISTRY,
)
MODEL_BREAKER_STATE = Gauge(
    "omi_model_breaker_state",
    "Whether the model is asked: 0 closed, 1 half-open, 2 open.",
    ["model"],
    registry=REGISTRY,
)
MODEL_BREAKER_OPENINGS = Counter(
    "omi_model_breaker_openings_total", "Times that the model was set aside for failing.", ["model"], registry=REGISTRY
)
MODEL_BREAKER_REFUSALS = Counter(
    "omi_model_breaker_refusals_total",
    "Calls that were not made because it was set aside.",
    ["model"],
    registry=REGISTRY,
)
MODEL_FALLBACKS = Counter(
    "omi_model_fallbacks_total",
    "Questions that went on to the next model, by the one that failed them and why.",
    ["model", "cause"],
    registry=REGISTRY,
)

BUDGET_REFUSALS = Counter(
    "omi_budget_refusals_total",
    "Questions that the model was not asked because a budget was spent: whose (owner, all), and its period.",
    ["whose", "period"],
    registry=REGISTRY,
)
MODEL_TOKENS = Counter(
    "omi_model_tokens_total",
    "Tokens of questions and answers: as the model's server counts them (told), or by their characters (estimated).",
    ["source"],
    registry=REGISTRY,
)

MODEL_ANSWERS_CUT = Counter(
    "omi_model_answers_cut_total",
    "Answers that reached their tokens and were cut at a sentence's end: by the model's server, or by us.",
    ["by"],
    registry=REGISTRY,
)

# --- Backplane
BACKPLANE_SHARED = Gauge(
    "omi_backplane_shared", "Whether Redis reaches the other nodes: 1, or 0 for alone.", registry=REGISTRY
)
BACKPLANE_LOSSES = Counter(
    "omi_backplane_losses_total", "Tries and stays at Redis that ended, by cause.", ["cause"], registry=REGISTRY
)
BACKPLANE_RECEIVED = Counter(
    "omi_backplane_received_total", "Messages of other nodes: wake, answered.", ["kind"], registry=REGISTRY
)
BACKPLANE_DROPPED = Counter(
    "omi_backplane_dropped_total",
    "What no node was told, or could read: outbox_full, unreachable, foreign (not written by us).",
    ["reason"],
    registry=REGISTRY,
)

# --- Process
LOG_LINES_LOST = Counter(
    "omi_log_lines_lost_total",
    "Lines that the log file lacks, by reason: full (too many waited for the disk), unwritable.",
    ["reason"],
    registry=REGISTRY,
)
PROCESS_RESIDENT_BYTES = Gauge("omi_process_resident_bytes", "Resident memory.", registry=REGISTRY)
UPTIME_SECONDS = Gauge("omi_uptime_seconds", "Seconds since start.", registry=REGISTRY)


class Extremes:
    """The shortest and the longest request since the start, in seconds; None before the first. The loop's thread."""

    __slots__ = ("highest", "lowest")

    def __init__(self) -> None:
        self.lowest: float | None = None
        self.highest: float | None = None

    def note(self, seconds: float) -> None:
        """Take one more into account."""
        if self.lowest is None or seconds < self.lowest:
            self.lowest = seconds
        if self.highest is None or seconds > self.highest:
            self.highest = seconds


HTTP_EXTREMES = Extremes()
