-- An observer reads what the operator reads; a column, since the role's words are checked and `account` is referred to.
ALTER TABLE account ADD COLUMN is_observer BOOLEAN NOT NULL DEFAULT FALSE;
-- A signed-in device has an id of its own and a few characters of its token, by which its owner recognises it.
ALTER TABLE auth_session ADD COLUMN id TEXT;
ALTER TABLE auth_session ADD COLUMN hint TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX auth_session_id ON auth_session (id);
-- One-time keys: a set-up key makes an account with this role, a reset key sets its account's password.
CREATE TABLE account_key (
    key_sha256 TEXT NOT NULL PRIMARY KEY CHECK (length(key_sha256) = 64),
    purpose TEXT NOT NULL CHECK (purpose IN ('set_up', 'reset')),
    role TEXT NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'admin', 'observer')),
    account_id TEXT REFERENCES account (id) ON DELETE CASCADE,
    created_at DOUBLE PRECISION NOT NULL,
    expires_at DOUBLE PRECISION NOT NULL,
    CHECK ((purpose = 'reset') = (account_id IS NOT NULL))
);
CREATE INDEX account_key_account ON account_key (account_id);
CREATE INDEX account_key_expires ON account_key (expires_at);
