"""Bench: measure the cost of a webhook, a session, an answer, a crash and a start, and compare with a yardstick.

Lives here: the rows of docs/benchmarks.md, one module each, their tools, and the page.
Not here: sending webhooks as Omi does (replay/), checks of correctness (tests/).
Files: throughput, dashboards, sessions, answers, answer_steps, crashes, storm, trickle, queue, startup, people, nodes
(rows); rows (all of them, with targets); yardstick, load, people_load, people_store, nodes_load, in_process, machine
(tools); page; __main__ (the run).
"""
