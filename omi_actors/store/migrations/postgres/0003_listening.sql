-- Until when (UTC seconds) a session waits for the rest of a question; its own timer ends that, unless the process
-- died. NULL: it waits for nothing.
ALTER TABLE session ADD COLUMN listening_until DOUBLE PRECISION;
CREATE INDEX session_listening ON session (listening_until) WHERE listening_until IS NOT NULL;
