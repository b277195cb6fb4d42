-- Memories in lower case, for the search within them. Events of Omi that became memories are read.
ALTER TABLE memory ADD COLUMN folded TEXT NOT NULL DEFAULT '';
ALTER TABLE memory ADD COLUMN updated_at DOUBLE PRECISION;
ALTER TABLE raw_event ADD COLUMN is_read BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX raw_event_unread ON raw_event (session_id) WHERE kind = 'memory_created' AND NOT is_read;

-- Memories of Omi that a person has deleted here: an import must not bring them back.
CREATE TABLE forgotten_memory (
    account_id TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    dedupe_key TEXT NOT NULL,
    PRIMARY KEY (account_id, dedupe_key)
);

-- A person in the index of words. Their texts have the numbers no * 2^32 + 1 to no * 2^32 + last_text.
CREATE TABLE recall_owner (
    no BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id TEXT NOT NULL UNIQUE REFERENCES account (id) ON DELETE CASCADE,
    last_text BIGINT NOT NULL DEFAULT 0,
    last_conversation_id TEXT,
    speakers TEXT NOT NULL DEFAULT ''
);

-- How far a session's texts are indexed, and for whom: up to this segment and this message.
CREATE TABLE recall_progress (
    session_id TEXT NOT NULL PRIMARY KEY REFERENCES session (id) ON DELETE CASCADE,
    account_id TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    seq BIGINT NOT NULL DEFAULT 0,
    message_at DOUBLE PRECISION NOT NULL DEFAULT 0,
    message_id TEXT NOT NULL DEFAULT ''
);
CREATE INDEX recall_progress_account ON recall_progress (account_id);

-- The words of one memory, message or segment. Each begins with its owner's number, so that a word's list is one
-- person's. It leaves with its text.
CREATE TABLE recall_text (
    no BIGINT NOT NULL PRIMARY KEY,
    memory_id TEXT REFERENCES memory (id) ON DELETE CASCADE,
    message_id TEXT REFERENCES message (id) ON DELETE CASCADE,
    session_id TEXT,
    seq BIGINT,
    follows BOOLEAN NOT NULL,
    words TEXT NOT NULL,
    FOREIGN KEY (session_id, seq) REFERENCES transcript_segment (session_id, seq) ON DELETE CASCADE
);
CREATE UNIQUE INDEX recall_text_memory ON recall_text (memory_id) WHERE memory_id IS NOT NULL;
CREATE UNIQUE INDEX recall_text_message ON recall_text (message_id) WHERE message_id IS NOT NULL;
CREATE UNIQUE INDEX recall_text_segment ON recall_text (session_id, seq) WHERE session_id IS NOT NULL;

CREATE INDEX recall_text_words ON recall_text USING gin (array_to_tsvector(string_to_array(words, ' ')))
    WITH (fastupdate = off);

-- The texts that an answer's prompt recalled, the best first.
CREATE TABLE answer_source (
    message_id TEXT NOT NULL REFERENCES message (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    text_no BIGINT NOT NULL REFERENCES recall_text (no) ON DELETE CASCADE,
    PRIMARY KEY (message_id, place)
);
CREATE INDEX answer_source_text ON answer_source (text_no);
