-- Jobs by state, but those that wait or run: these are few, or found by their lanes, and enqueueing and claiming need not
-- keep an index up to date that says the same of a hundred thousand of them.
DROP INDEX job_state;
CREATE INDEX job_over ON job (state, seq) WHERE state NOT IN ('ready', 'running');
