"""Omi Actors: a supervised actor backend for the Omi wearable.

Rooms, from the top: `cli` (commands), `system` (the supervision tree), `actors` (message in, decision, tell),
`jobs` (one file per job kind), `store` (SQL) and `clients` (outbound HTTP), `kit` (actors on Pykka),
`instruments` (metrics and logs), `domain` (pure decisions), `errors`, `ids`, `clock`.
HTTP is in `web`, settings in `config`.
"""

__version__ = "0.1.0"
