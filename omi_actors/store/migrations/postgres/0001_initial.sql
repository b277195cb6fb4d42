-- The whole data model. Times are UTC seconds as numbers; ids are UUIDs as text; enums are checked words.
-- The two databases' files differ in the job's sequence, the type of bytes and the trigger's language, in nothing else.

CREATE TABLE account (
    id TEXT NOT NULL PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    display_name TEXT,
    role TEXT NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'admin')),
    created_at DOUBLE PRECISION NOT NULL,
    updated_at DOUBLE PRECISION NOT NULL
);

-- A signed-in device. The token itself is never stored, only its SHA-256 in hex.
CREATE TABLE auth_session (
    token_sha256 TEXT NOT NULL PRIMARY KEY CHECK (length(token_sha256) = 64),
    account_id TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    created_at DOUBLE PRECISION NOT NULL,
    expires_at DOUBLE PRECISION NOT NULL
);
CREATE INDEX auth_session_account ON auth_session (account_id);
CREATE INDEX auth_session_expires ON auth_session (expires_at);

-- Many accounts may be trying to link a wearable; one at most has proved that it is theirs.
CREATE TABLE omi_link (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    omi_uid TEXT NOT NULL,
    is_verified BOOLEAN NOT NULL,
    code_sha256 TEXT,
    code_expires_at DOUBLE PRECISION,
    failed_attempts INTEGER NOT NULL DEFAULT 0 CHECK (failed_attempts >= 0),
    created_at DOUBLE PRECISION NOT NULL,
    verified_at DOUBLE PRECISION,
    UNIQUE (account_id, omi_uid)
);
CREATE UNIQUE INDEX omi_link_one_owner ON omi_link (omi_uid) WHERE is_verified;

-- A session belongs to (node, incarnation, epoch); every write of it names the epoch that it was decided in.
CREATE TABLE session (
    id TEXT NOT NULL PRIMARY KEY,
    session_key TEXT NOT NULL UNIQUE,
    uid TEXT NOT NULL,
    account_id TEXT REFERENCES account (id) ON DELETE CASCADE,
    node TEXT NOT NULL,
    incarnation BIGINT NOT NULL,
    epoch BIGINT NOT NULL CHECK (epoch >= 1),
    conversation_id TEXT,
    conversation_number INTEGER NOT NULL CHECK (conversation_number >= 0),
    last_seq BIGINT NOT NULL CHECK (last_seq >= 0),
    last_end_s DOUBLE PRECISION NOT NULL,
    active_space TEXT NOT NULL DEFAULT 'default' CHECK (
        active_space IN ('default', 'todos', 'memories', 'tasks', 'agent', 'friends', 'notifications')
    ),
    created_at DOUBLE PRECISION NOT NULL,
    last_seen_at DOUBLE PRECISION NOT NULL
);
CREATE INDEX session_account ON session (account_id);

CREATE TABLE conversation (
    id TEXT NOT NULL PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    number INTEGER NOT NULL CHECK (number >= 1),
    title TEXT,
    summary TEXT,
    started_at DOUBLE PRECISION NOT NULL,
    ended_at DOUBLE PRECISION,
    UNIQUE (session_id, number)
);

-- The hot table: its conversation is kept true by a trigger, so that an insert maintains two indexes, not three.
CREATE TABLE transcript_segment (
    session_id TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    seq BIGINT NOT NULL CHECK (seq >= 1),
    key TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    text TEXT NOT NULL,
    speaker TEXT NOT NULL,
    speaker_id BIGINT,
    is_user BOOLEAN NOT NULL,
    person_id TEXT,
    start_s DOUBLE PRECISION NOT NULL CHECK (start_s BETWEEN 0 AND 1e308),
    end_s DOUBLE PRECISION NOT NULL CHECK (end_s BETWEEN 0 AND 1e308),
    created_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (session_id, seq),
    UNIQUE (session_id, key)
);
CREATE FUNCTION delete_conversation_segments() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM transcript_segment WHERE session_id = OLD.session_id AND conversation_id = OLD.id;
    RETURN NULL;
END $$;
CREATE TRIGGER conversation_takes_its_segments AFTER DELETE ON conversation
FOR EACH ROW EXECUTE FUNCTION delete_conversation_segments();

CREATE TABLE message (
    id TEXT NOT NULL PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('user', 'assistant', 'system', 'tool')),
    kind TEXT NOT NULL CHECK (kind IN ('question', 'answer', 'failure')),
    source TEXT NOT NULL CHECK (source IN ('omi_transcript', 'frontend', 'system', 'tool')),
    text TEXT NOT NULL,
    job_id TEXT,
    model TEXT NOT NULL DEFAULT '',
    created_at DOUBLE PRECISION NOT NULL,
    UNIQUE (job_id, role)
);
CREATE INDEX message_session_time ON message (session_id, created_at, id);
CREATE INDEX message_conversation_time ON message (conversation_id, created_at, id);

-- One row per answer. node and incarnation name who committed the intent to send it.
CREATE TABLE delivery (
    id TEXT NOT NULL PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    message_id TEXT NOT NULL UNIQUE REFERENCES message (id) ON DELETE CASCADE,
    state TEXT NOT NULL CHECK (state IN ('pending', 'sending', 'sent', 'kept', 'unknown')),
    channel TEXT NOT NULL DEFAULT '' CHECK (channel IN ('', 'inline', 'next_webhook', 'notify', 'chat')),
    node TEXT NOT NULL DEFAULT '',
    incarnation BIGINT NOT NULL DEFAULT 0,
    created_at DOUBLE PRECISION NOT NULL,
    changed_at DOUBLE PRECISION NOT NULL
);
CREATE INDEX delivery_session ON delivery (session_id, state);
CREATE INDEX delivery_sending ON delivery (node, incarnation) WHERE state = 'sending';

-- The queue. seq is the order of enqueueing; a job's text leaves with the session that caused it.
CREATE TABLE job (
    seq BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    job_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    lane TEXT NOT NULL,
    idempotency_key TEXT NOT NULL UNIQUE,
    session_id TEXT REFERENCES session (id) ON DELETE CASCADE,
    state TEXT NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'running', 'done', 'dead', 'cancelled')),
    priority INTEGER NOT NULL,
    run_at DOUBLE PRECISION NOT NULL,
    token TEXT,
    node TEXT NOT NULL DEFAULT '',
    incarnation BIGINT NOT NULL DEFAULT 0,
    lease_until DOUBLE PRECISION,
    deliveries INTEGER NOT NULL DEFAULT 0 CHECK (deliveries >= 0),
    attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    max_attempts INTEGER NOT NULL CHECK (max_attempts >= 1),
    error TEXT NOT NULL DEFAULT '',
    payload TEXT NOT NULL,
    request_id TEXT NOT NULL DEFAULT '',
    created_at DOUBLE PRECISION NOT NULL,
    finished_at DOUBLE PRECISION,
    CHECK (state <> 'running' OR (token IS NOT NULL AND lease_until IS NOT NULL))
);
CREATE INDEX job_next ON job (priority, run_at, seq) WHERE state = 'ready';
CREATE INDEX job_lane_order ON job (lane, seq) WHERE state IN ('ready', 'running');
CREATE UNIQUE INDEX job_lane_one_running ON job (lane) WHERE state = 'running';
CREATE UNIQUE INDEX job_token ON job (token) WHERE state = 'running';
CREATE INDEX job_session ON job (session_id);
CREATE INDEX job_state ON job (state);

-- Webhooks of kinds that no feature reads yet, whole.
CREATE TABLE raw_event (
    id TEXT NOT NULL PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    dedupe_key TEXT NOT NULL,
    content_type TEXT NOT NULL,
    body BYTEA NOT NULL,
    received_at DOUBLE PRECISION NOT NULL,
    UNIQUE (session_id, dedupe_key)
);

-- Five numbered windows onto conversations, at most one of them active.
CREATE TABLE context_window (
    account_id TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    slot INTEGER NOT NULL CHECK (slot BETWEEN 1 AND 5),
    conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
    is_active BOOLEAN NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (account_id, slot)
);
CREATE UNIQUE INDEX context_window_one_active ON context_window (account_id) WHERE is_active;
CREATE INDEX context_window_conversation ON context_window (conversation_id);

CREATE TABLE agent_event (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT REFERENCES account (id) ON DELETE CASCADE,
    session_id TEXT REFERENCES session (id) ON DELETE CASCADE,
    conversation_id TEXT REFERENCES conversation (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    CHECK (account_id IS NOT NULL OR session_id IS NOT NULL)
);
CREATE INDEX agent_event_account ON agent_event (account_id, created_at);
CREATE INDEX agent_event_session ON agent_event (session_id, created_at);
CREATE INDEX agent_event_conversation ON agent_event (conversation_id);

CREATE TABLE notification_event (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT REFERENCES account (id) ON DELETE CASCADE,
    session_id TEXT REFERENCES session (id) ON DELETE CASCADE,
    delivery_id TEXT UNIQUE REFERENCES delivery (id) ON DELETE CASCADE,
    channel TEXT NOT NULL CHECK (channel IN ('omi', 'email', 'push')),
    status TEXT NOT NULL CHECK (status IN ('queued', 'sending', 'sent', 'error', 'unknown')),
    text TEXT NOT NULL,
    error TEXT,
    created_at DOUBLE PRECISION NOT NULL,
    changed_at DOUBLE PRECISION NOT NULL,
    CHECK (account_id IS NOT NULL OR session_id IS NOT NULL)
);
CREATE INDEX notification_event_account ON notification_event (account_id, created_at);
CREATE INDEX notification_event_session ON notification_event (session_id, created_at);

-- A memory is an account's, or a wearable's that no account has linked yet. dedupe_key: Omi's id, or the text's hash.
CREATE TABLE memory (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT REFERENCES account (id) ON DELETE CASCADE,
    session_id TEXT REFERENCES session (id) ON DELETE CASCADE,
    conversation_id TEXT REFERENCES conversation (id) ON DELETE SET NULL,
    dedupe_key TEXT NOT NULL,
    text TEXT NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    UNIQUE (account_id, dedupe_key),
    UNIQUE (session_id, dedupe_key),
    CHECK (account_id IS NOT NULL OR session_id IS NOT NULL)
);
CREATE INDEX memory_account_time ON memory (account_id, created_at, id);
CREATE INDEX memory_session_time ON memory (session_id, created_at, id);
CREATE INDEX memory_conversation ON memory (conversation_id);

CREATE TABLE user_preference (
    account_id TEXT NOT NULL PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    default_conversation_id TEXT REFERENCES conversation (id) ON DELETE SET NULL,
    listen_mode TEXT NOT NULL DEFAULT 'trigger' CHECK (listen_mode IN ('trigger', 'followup', 'always')),
    followup_window_ms INTEGER NOT NULL DEFAULT 8000 CHECK (followup_window_ms BETWEEN 1000 AND 60000),
    meeting_transcribe BOOLEAN NOT NULL,
    inject_memories BOOLEAN NOT NULL,
    mute BOOLEAN NOT NULL,
    activation_regex TEXT,
    activation_sensitivity INTEGER NOT NULL DEFAULT 0 CHECK (activation_sensitivity BETWEEN -2 AND 2),
    quiet_hours_start TEXT,
    quiet_hours_end TEXT,
    time_zone TEXT,
    active_space TEXT NOT NULL DEFAULT 'default' CHECK (
        active_space IN ('default', 'todos', 'memories', 'tasks', 'agent', 'friends', 'notifications')
    ),
    created_at DOUBLE PRECISION NOT NULL,
    updated_at DOUBLE PRECISION NOT NULL
);
CREATE INDEX user_preference_conversation ON user_preference (default_conversation_id);

-- What one session wants otherwise than its account; NULL means: as the account.
CREATE TABLE session_preference (
    session_id TEXT NOT NULL PRIMARY KEY REFERENCES session (id) ON DELETE CASCADE,
    listen_mode TEXT CHECK (listen_mode IN ('trigger', 'followup', 'always')),
    followup_window_ms INTEGER CHECK (followup_window_ms BETWEEN 1000 AND 60000),
    meeting_transcribe BOOLEAN,
    inject_memories BOOLEAN,
    mute BOOLEAN,
    activation_regex TEXT,
    activation_sensitivity INTEGER CHECK (activation_sensitivity BETWEEN -2 AND 2),
    quiet_hours_start TEXT,
    quiet_hours_end TEXT,
    time_zone TEXT,
    created_at DOUBLE PRECISION NOT NULL,
    updated_at DOUBLE PRECISION NOT NULL
);

-- Who serves: a name's newest incarnation is the only one that may.
CREATE TABLE node (
    name TEXT NOT NULL PRIMARY KEY,
    incarnation BIGINT NOT NULL CHECK (incarnation >= 1),
    started_at DOUBLE PRECISION NOT NULL,
    heartbeat_at DOUBLE PRECISION NOT NULL,
    lease_until DOUBLE PRECISION NOT NULL
);
