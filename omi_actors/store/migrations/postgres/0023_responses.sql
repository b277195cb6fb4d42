-- What a program has sent and got by /v1/responses, as JSON, so that another response can go on from it. It goes with
-- its answer.
CREATE TABLE model_response (
    message_id TEXT NOT NULL PRIMARY KEY REFERENCES message (id) ON DELETE CASCADE,
    session_id TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    previous_id TEXT NOT NULL DEFAULT '',
    body TEXT NOT NULL,
    created_at DOUBLE PRECISION NOT NULL
);
CREATE INDEX model_response_session ON model_response (session_id, created_at, message_id);
