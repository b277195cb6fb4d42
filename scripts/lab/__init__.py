"""The lab: benchmarks, and tests of load, kills, faults and hearing, against servers that the lab starts.

bench/ measures, chaos/ causes faults, replay/ sends webhooks and starts the servers that tests need, simulate/ plays
wearables at real pace, demo/ shows it all in motion, hearing/ scores the recognition of questions, mutants/ checks
whether tests find a planted change, node_sdk/ talks through OpenAI's SDK for Node.js. scripts/ has a program of each
name. docs/ writes pages of the documentation.
"""
