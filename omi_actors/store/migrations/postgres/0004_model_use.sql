-- What the model was asked, by owner ('' counts for all) and by the node that counts: questions of the minute that began
-- at minute_at, tokens of the day that began at day_at.
CREATE TABLE model_use (
    owner TEXT NOT NULL,
    node TEXT NOT NULL,
    minute_at DOUBLE PRECISION NOT NULL,
    requests BIGINT NOT NULL,
    day_at DOUBLE PRECISION NOT NULL,
    tokens BIGINT NOT NULL,
    PRIMARY KEY (owner, node)
);
CREATE INDEX model_use_day ON model_use (day_at);
