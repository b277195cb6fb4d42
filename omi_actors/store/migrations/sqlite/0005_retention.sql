-- By these the janitor finds what has been kept long enough, without reading the rest.
CREATE INDEX job_finished ON job (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX raw_event_time ON raw_event (session_id, received_at);
