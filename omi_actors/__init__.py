"""Omi Actors: a supervised actor backend for the Omi wearable. The packages from the top down; imports point down.

cli/ doctor/                  commands, checks of a machine before the start
system.py status/             all that web/ asks: start and stop, health, figures, the queue admin
tree.py parts.py              every actor in start order, and the parts that they share
actors/ jobs/                 message in, decision, tell; one file a kind of job
store/ clients/ backplane/    SQL, outbound HTTP, hints between nodes
instruments/ domain/          metrics and logs; pure decisions
errors.py ids.py
kit/                          actors on Pykka; knows nothing of Omi
clock.py

HTTP is in web/, settings are in config/.
"""

__version__ = "0.1.0"
