-- Enqueueing waits for nobody: two nodes, of which each ends jobs and enqueues behind the other's, waited for each other.
-- A row that another node has locked is passed over. If one is left, the new row waits behind that, and whoever ends that
-- one waits for our commit as before; if none is left, the new row may be too early for being next, never too late.
CREATE OR REPLACE FUNCTION job_waits_behind() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM job WHERE lane = NEW.lane AND state IN ('ready', 'running') ORDER BY seq LIMIT 1
    FOR SHARE SKIP LOCKED;
    NEW.is_next := NOT FOUND;
    RETURN NEW;
END $$;
