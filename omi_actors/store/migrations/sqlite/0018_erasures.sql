-- Erasures of accounts: under way until ended_at. The account's id goes at the end, and nothing names the person then.
CREATE TABLE erasure (
    key_sha256 TEXT NOT NULL PRIMARY KEY CHECK (length(key_sha256) = 64),
    account_id TEXT UNIQUE,
    holds_since DOUBLE PRECISION NOT NULL,
    began_at DOUBLE PRECISION NOT NULL,
    ended_at DOUBLE PRECISION,
    node TEXT NOT NULL DEFAULT '',
    lease_until DOUBLE PRECISION NOT NULL DEFAULT 0
);
CREATE INDEX erasure_open ON erasure (began_at) WHERE ended_at IS NULL;
