-- When retention rests, and why: at most one row. Without it nothing has ever been noticed.
CREATE TABLE retention_state (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    leaps BIGINT NOT NULL,
    leap_s DOUBLE PRECISION,
    lag_s DOUBLE PRECISION NOT NULL CHECK (lag_s >= 0),
    ran_s DOUBLE PRECISION NOT NULL CHECK (ran_s >= 0),
    excess TEXT NOT NULL,
    may_exceed BOOLEAN NOT NULL
);
