"""Moves a database of the original server (PostgreSQL, made by Prisma) into ours.

source.py     reads the original's tables, each in a fixed order from any place on
persons.py, talk.py  turn the original's rows into ours; batch.py: what both need
move.py       the whole move: batches, its record, after which it goes on

Not here: the command (cli/import_original.py). Threads: the command's.
"""
