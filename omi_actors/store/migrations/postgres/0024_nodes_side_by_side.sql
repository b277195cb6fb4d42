-- Programs of two versions side by side. `needs`: the version of the schema that a program must know to go on with this
-- one; 0 if every program can that knows any. `schema_version`: the version that a node's program knows; NULL is a
-- program from before this number.
ALTER TABLE schema_migration ADD COLUMN needs INTEGER NOT NULL DEFAULT 0;
ALTER TABLE node ADD COLUMN schema_version INTEGER;
-- The latest report of each node: its state and figures as JSON, its metrics as Prometheus reads them. No text of persons.
CREATE TABLE node_report (
    node TEXT NOT NULL PRIMARY KEY,
    reported_at DOUBLE PRECISION NOT NULL,
    figures TEXT NOT NULL,
    metrics TEXT NOT NULL
);
