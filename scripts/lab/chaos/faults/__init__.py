"""Faults, one subject a file: signals, owner, crashes, storage, redis, lost_replies, model, clients, clock_jump, leaks.

Lives here: the action on the server, and the findings that only this fault can make. catalogue.py has all in order.
Not here: the judgement that all share (judgement.py), the stage (stage.py).
"""
