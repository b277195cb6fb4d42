"""Status of a running system: its health, figures, tables and causes; and the queue admin.

health.py         /health: checks, features, figures
nodes.py          reports of several nodes, by which each answers for all
figures.py        the metrics as JSON
queue_status.py   /omi-webhook/queue-status
queue_admin.py    the operator's actions on the job queue
snapshot.py       all that the operator's page shows: causes.py, tiles.py, tables.py
requests.py       one request's timeline; requests under way, errors, webhooks
actors.py         the tree of actors for that page, and their restart by hand
causes.py         faults (fault.py, faults.py, webhook_faults.py, inner_faults.py) with what they explain, and the
                  state in a sentence

Not here: taking the readings (actors/metrics_collector.py, instruments/readings.py), HTML and access (web/).
"""
