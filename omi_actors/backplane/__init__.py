"""What nodes share and may lose: wake-ups, live events, a cache, counts of requests. Never the truth: that is SQL.

`interface` says what there is; `in_process` does it within one process; `redis_backplane` between nodes, and falls
back on the former whenever Redis cannot be asked. Only `redis_session` imports redis. Not here: any decision on jobs.
"""
