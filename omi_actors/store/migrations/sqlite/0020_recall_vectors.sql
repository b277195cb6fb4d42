-- The vector of a text, with the extra `semantic`: signed bytes. It leaves with its text.
CREATE TABLE recall_vector (
    no INTEGER NOT NULL PRIMARY KEY REFERENCES recall_text (no) ON DELETE CASCADE,
    follows BOOLEAN NOT NULL,
    vector BLOB NOT NULL
);

-- The person's texts up to this one have a vector, or need none.
ALTER TABLE recall_owner ADD COLUMN last_vector BIGINT NOT NULL DEFAULT 0;
CREATE INDEX recall_owner_waits ON recall_owner (no) WHERE last_vector < last_text;
