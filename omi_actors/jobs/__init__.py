"""Kinds of jobs, one file a kind, and one attempt at a job.

kinds.py     the protocol of a kind, its dependencies, the budget guard
answer.py    ask the model, store its answer
notify.py    send an answer as a notification
attempt.py   one attempt at a job, from claim to a stored outcome; the table of all kinds

Not here: when jobs run (actors/queue/), jobs as values (domain/work/), statements (store/).
"""
