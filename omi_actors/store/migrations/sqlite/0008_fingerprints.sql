-- A digest of the request that a job's key was first used for, where its asker chose the key; '' where nobody does.
ALTER TABLE job ADD COLUMN fingerprint TEXT NOT NULL DEFAULT '';
