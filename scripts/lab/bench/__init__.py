"""The bench: what a webhook, a session, an answer, a crash and a start cost, measured beside a yardstick.

May live here: the rows of docs/benchmarks.md, one module each, what they share, and how the page is made.
Not here: sending webhooks as Omi does (replay/), checks of correctness (tests/).
Files: throughput, sessions, answers, crashes, storm, trickle, startup (rows); yardstick, load, cpu (their tools);
machine, page, run.
"""
