"""Chaos: cause faults under traffic, one after another, and check that the promises hold.

Lives here: faults, traffic, the stage that they share, the judgement, the page. The tests use the server only by HTTP,
signals and /proc. Only sabotaged_server.py changes the program, in a process of its own.
Not here: parts of the server; figures of speed (bench/).
Files: fault, faults/, sizes, stage, traffic, proxy, link, sabotaged_server, act, judgement, run, page, __main__.
"""
