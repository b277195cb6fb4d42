-- Nothing to change: here there is one writer, which never waits for another.
SELECT 1;
