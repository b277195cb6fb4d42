-- What the operator did with the queue, kept for long: ids, counts and times, never a word of text.
CREATE TABLE operator_event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    who TEXT NOT NULL DEFAULT 'operator',
    happened_at DOUBLE PRECISION NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    job_count INTEGER NOT NULL CHECK (job_count >= 0),
    request_id TEXT NOT NULL DEFAULT ''
);
-- Kinds of which no job is begun; '*' is every kind.
CREATE TABLE queue_pause (
    kind TEXT NOT NULL PRIMARY KEY,
    paused_at DOUBLE PRECISION NOT NULL
);
-- The form of a job's payload, counted for each kind.
ALTER TABLE job ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
