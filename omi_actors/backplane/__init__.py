"""The backplane: hints, news of answers and counts of requests between nodes. All of it may be lost.

interface.py         the interface, and the backplane of a node without Redis
counters.py          counts over fixed windows
messages.py          messages in Redis, and the outbox
redis_backplane.py   the backplane over Redis; without a link the node works alone
redis_link.py        the link to Redis, opened again after each loss
redis_session.py     one connection's commands and messages; the only file that imports redis
redis_mail.py        mail between nodes, as bytes on connections that redis_session.py opens

Not here: decisions about jobs, and data that must not be lost (store/).
"""
