-- Whether a waiting job may be its lane's first; false only while another one certainly comes before it. Claims look at
-- these alone, so that full lanes cost them nothing. What no longer waits or runs lets the lane's first one be next.
ALTER TABLE job ADD COLUMN is_next BOOLEAN NOT NULL DEFAULT TRUE;
DROP INDEX job_next;
CREATE INDEX job_next ON job (priority, run_at, seq) WHERE state = 'ready' AND is_next;
CREATE TRIGGER job_waits_behind AFTER INSERT ON job
WHEN EXISTS (SELECT 1 FROM job WHERE lane = NEW.lane AND state IN ('ready', 'running') AND seq < NEW.seq) BEGIN
    UPDATE job SET is_next = FALSE WHERE seq = NEW.seq;
END;
CREATE TRIGGER job_is_over AFTER UPDATE OF state ON job
WHEN OLD.state IN ('ready', 'running') AND NEW.state NOT IN ('ready', 'running') BEGIN
    UPDATE job SET is_next = TRUE WHERE seq =
        (SELECT seq FROM job WHERE lane = NEW.lane AND state IN ('ready', 'running') ORDER BY seq LIMIT 1);
END;
CREATE TRIGGER job_is_gone AFTER DELETE ON job WHEN OLD.state IN ('ready', 'running') BEGIN
    UPDATE job SET is_next = TRUE WHERE seq =
        (SELECT seq FROM job WHERE lane = OLD.lane AND state IN ('ready', 'running') ORDER BY seq LIMIT 1);
END;
CREATE TRIGGER job_is_back AFTER UPDATE OF state ON job
WHEN OLD.state NOT IN ('ready', 'running') AND NEW.state = 'ready' BEGIN
    UPDATE job SET is_next = TRUE WHERE seq = NEW.seq;
END;
