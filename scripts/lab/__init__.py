"""The lab: load, kill, fault and hearing tests, and the benchmarks, against servers of ours.

bench/ measures, chaos/ causes faults, replay/ sends webhooks and starts the servers that tests need, simulate/ plays
wearables at real pace, hearing/ scores the recognition of questions, mutants/ tries whether tests see a change. Each
has a program of its name in scripts/. docs/ makes pages of the documentation.
"""
