-- A person's conversations, newest first: each session's are read in this order.
CREATE INDEX conversation_session_time ON conversation (session_id, started_at, id);
