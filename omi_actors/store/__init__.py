"""The engine of record: the only folder that knows Pony and SQL.

Here: statements, entities, transactions, the actors that run them. Not here: decisions (domain/). Only values of
domain/ leave this folder, never entities.

facade.py         Store: commit, write, write_alone, read, read_apart, read_cold
actors.py         the writer and the readers; messages.py: their messages; reader_process.py: a reader's process
engine.py         group commits, writes alone, reads; transaction.py: one transaction; migrate.py: the schema;
                  statement_log.py: transactions that log their statements
dialect.py        the two databases: sqlite.py with sqlite_file.py, lock.py and archive.py (backups); postgres.py with
                  driver.py and pooler.py (settings that hold behind PgBouncer)
commits.py        turns in bulk: the hot path; sessions.py: sessions loaded again
jobs.py           the queue; dead_jobs.py, queue_state.py; queue_admin.py: the operator's lists and actions
answers.py        answers and deliveries; notifications.py, model_use.py
nodes.py          leases of nodes; node_reports.py: their states for each other; ownership.py: unfinished rows;
                  retention.py, retention_state.py: deletion
vacuum.py         PostgreSQL frees pages after an erasure
people/           what belongs to accounts; original/: the move of the original's database into ours
entities.py       Pony entities of cold paths; probe.py: check of a database; durability.py: does it sync
"""
