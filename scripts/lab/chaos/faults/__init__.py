"""The faults, one subject a file, in the order in which they are played.

May live here: what is done to the server, and what only this fault can see of it.
Not here: what is the same for all (judgement.py), the stage (stage.py).
"""
