"""Actors that work on a timer or a hint, and that no request waits for.

node_lease.py       renews this process's claim on its node name
answer_sweeper.py   reminds sessions of answers and questions that are stored and not settled
backplane.py        runs the backplane, and passes on the hints of other nodes
janitor.py          deletes rows after their retention
eraser.py           deletes accounts that have ended, with all their rows
indexer.py          makes memories of Omi's conversations, and indexes what was said

The messages of their own timers and tasks stand in their files.
Not here: the rules of retention (domain/work/), statements (store/), the backplane itself (backplane/).
"""
