"""The job queue's actors. The job table is the queue; these actors claim jobs, run attempts and keep leases.

dispatcher.py   the job queue: claims jobs and gives them to the workers
slots.py        worker slots: the attempts that may run at once, and reservations
workers.py      the workers: attempts as tasks, heartbeats, pieces of a streamed answer
messages.py     their messages

Not here: an attempt and the kinds of jobs (jobs/), statements (store/), jobs as values (domain/work/).
"""
