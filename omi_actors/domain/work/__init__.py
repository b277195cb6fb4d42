"""Work as values: jobs, the operator's view of the queue, and the rules of retention. Pure.

jobs.py          a new job, a claimed job, counts of the queue, the check of a payload
queue_admin.py   listed jobs, filters, actions, events
retention.py     the cutoffs before which rows are pruned

Not here: the pause before a retry (domain/answers/patience.py), rows and statements (store/), dispatch (actors/queue/),
the work of a kind (jobs/).
"""
