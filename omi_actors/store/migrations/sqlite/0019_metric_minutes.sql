-- The metrics of a node, minute by minute: counts, gauges and latencies as JSON. No text of persons.
CREATE TABLE metric_minute (
    node TEXT NOT NULL,
    no BIGINT NOT NULL,
    began_at DOUBLE PRECISION NOT NULL,
    figures TEXT NOT NULL,
    PRIMARY KEY (node, no)
);
CREATE INDEX metric_minute_began ON metric_minute (began_at);
