"""Kinds of jobs, one file a kind, and one attempt at a job.

kinds.py     the protocol of a kind, its dependencies, the budget guard
answer.py    ask the model, store its answer
notify.py    send an answer as a notification
followup.py  send a person's own words as a notification
completion.py  one completion of a person's program, which is no job
attempt.py   one attempt at a job, from claim to a stored outcome; the table of all kinds

A new kind, in this order:
1. a store function that stores its result and calls `finish_job` in the same transaction (store/);
2. a file here with the protocol of kinds.py, and a row in KINDS (attempt.py), before anything enqueues it: the queue
   has no worker slot for an unknown kind, and an older node buries it;
3. a store function, marked `@enqueues`, that enqueues it in a lane and with a key of its own; after the commit a
   `JobsEnqueued` to the job queue. `TurnChanges.jobs` is for questions only: it reserves an answer's slot;
4. with ENABLE_BACKGROUND_QUEUE off nothing enqueues it, as `can_notify` in parts.py decides for `notify`.
5. its tests: tests/system/test_deliveries.py shows those of `notify`, tests/jobs/ those of `answer`.
A kind that asks the model calls `deps.budget.check` first. `run` returns None if the session needs no message.

Not here: when jobs run (actors/queue/), jobs as values (domain/work/), statements (store/).
"""
