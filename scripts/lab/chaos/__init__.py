"""The chaos: faults that we cause ourselves, one after another, under traffic, and whether the promises held.

May live here: faults, the traffic under which they happen, the stage that they share, the judgement, the page.
Not here: anything that the server itself runs; figures of speed (bench/). It knows the server by HTTP, by signals and
by what /proc tells of it; only sabotaged_server.py reaches into the program, in a process of its own.
Files: fault, sizes, stage, traffic, pulse, proxy, process, sabotaged_server, act, evidence, judgement, run, page.
"""
