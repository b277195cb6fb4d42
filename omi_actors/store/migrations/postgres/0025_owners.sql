-- How the other nodes find and reach a node. `address` is its place on the ring of owners. `wire` is the version of the
-- messages between nodes that it takes; 0: none now, since it leaves, has no Redis, or is an earlier program. `mail_key`
-- signs messages to it.
ALTER TABLE node ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE node ADD COLUMN wire INTEGER NOT NULL DEFAULT 0;
ALTER TABLE node ADD COLUMN mail_key BYTEA NOT NULL DEFAULT '';
