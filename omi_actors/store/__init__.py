"""The engine of record: the only room that knows Pony and SQL."""
