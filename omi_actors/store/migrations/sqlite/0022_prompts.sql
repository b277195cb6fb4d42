-- A person's prompts with their present text, and all kept versions of it. A space has at most one of them.
CREATE TABLE prompt (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    space TEXT,
    version INTEGER NOT NULL,
    text TEXT NOT NULL,
    output_type TEXT NOT NULL CHECK (output_type IN ('text', 'memory', 'task')),
    created_at DOUBLE PRECISION NOT NULL,
    updated_at DOUBLE PRECISION NOT NULL,
    UNIQUE (account_id, name),
    UNIQUE (account_id, space)
);
CREATE TABLE prompt_version (
    id TEXT NOT NULL PRIMARY KEY,
    prompt_id TEXT NOT NULL REFERENCES prompt (id) ON DELETE CASCADE,
    account_id TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    text TEXT NOT NULL,
    output_type TEXT NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    UNIQUE (prompt_id, number)
);
CREATE INDEX prompt_version_account ON prompt_version (account_id);
