-- Whether a waiting job may be its lane's first; false only while another one certainly comes before it. Claims look at
-- these alone, so that full lanes cost them nothing. What no longer waits or runs lets the lane's first one be next.
ALTER TABLE job ADD COLUMN is_next BOOLEAN NOT NULL DEFAULT TRUE;
DROP INDEX job_next;
CREATE INDEX job_next ON job (priority, run_at, seq) WHERE state = 'ready' AND is_next;
-- The lock: another node that ends the one before waits for our commit, and then sees what it has to let through.
CREATE FUNCTION job_waits_behind() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM job WHERE lane = NEW.lane AND state IN ('ready', 'running') ORDER BY seq LIMIT 1 FOR SHARE;
    NEW.is_next := NOT FOUND;
    RETURN NEW;
END $$;
CREATE FUNCTION job_is_over() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE job SET is_next = TRUE WHERE seq =
        (SELECT seq FROM job WHERE lane = OLD.lane AND state IN ('ready', 'running') ORDER BY seq LIMIT 1);
    RETURN NULL;
END $$;
CREATE FUNCTION job_is_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.is_next := TRUE;
    RETURN NEW;
END $$;
CREATE TRIGGER job_waits_behind BEFORE INSERT ON job FOR EACH ROW EXECUTE FUNCTION job_waits_behind();
CREATE TRIGGER job_is_over AFTER UPDATE OF state ON job FOR EACH ROW
WHEN (OLD.state IN ('ready', 'running') AND NEW.state NOT IN ('ready', 'running')) EXECUTE FUNCTION job_is_over();
CREATE TRIGGER job_is_gone AFTER DELETE ON job FOR EACH ROW
WHEN (OLD.state IN ('ready', 'running')) EXECUTE FUNCTION job_is_over();
CREATE TRIGGER job_is_back BEFORE UPDATE OF state ON job FOR EACH ROW
WHEN (OLD.state NOT IN ('ready', 'running') AND NEW.state = 'ready') EXECUTE FUNCTION job_is_back();
