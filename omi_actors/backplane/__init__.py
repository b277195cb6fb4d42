"""What nodes share and may lose: hints of work, news of answers, counts of requests. Never the truth: that is SQL.

`interface` says what there is; `in_process` does it for a node by itself; `redis_backplane` between nodes, which are by
themselves whenever Redis cannot be asked. Only `redis_session` imports redis. Not here: any decision on jobs.
"""
