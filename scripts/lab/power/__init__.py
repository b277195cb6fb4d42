"""Power cuts: a server under load is traced, its files are rebuilt as a power cut leaves them, opened and judged.

Lives here: the trace, a model of a disk, the cuts and their judgement. Not here: kills, which keep the page cache
(replay/kill_test.py); the load (replay/). Linux only: it needs strace.
Files: trace, disk, record, person, cut, planted_server, __main__.
"""
