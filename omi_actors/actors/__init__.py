"""Actors: each takes a message, lets the domain decide, and tells others. They contain no rules and no SQL.

session/               a wearer's session, and the router to all sessions
queue/                 the job queue and its workers
maintenance/           node lease, answer sweeper, janitor, backplane runner
passwords.py           argon2id, one password at a time
embedder.py            vectors of texts, with the extra `semantic`
metrics_collector.py   gauges, the event loop's lag, the readings behind /health

Not here: decisions (domain/), statements (store/), the work of a job (jobs/), supervision (kit/).
"""
