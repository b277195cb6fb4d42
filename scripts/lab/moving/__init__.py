"""A database of the original server, made up, and the proof that it moves into ours.

original.py   its schema, as Prisma writes it, and rows in any number
__main__.py   the proof: move a large one, kill the move and start it again, compare

Not here: the move (omi_actors/store/original/). Threads: the main one.
"""
