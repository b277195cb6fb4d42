"""Actors on Pykka: loop actors, thread actors, supervision, timers, and a driver for tests. No word about Omi.

To say something to an actor: handle (with asks, envelope, mailbox, future, deadlines).
To be an actor: loop_actor (with async_turn, timers), thread_actor; how errors become replies or crashes: replies.
To keep actors alive: spec, life, supervisor, dynamic_supervisor, root (with zombies, crash_log).
What drives them: runtime; who shares the loop with them: turns. In tests: driver (with manual_runtime).
"""
