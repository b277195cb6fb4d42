"""Omi Actors: a supervised actor backend for the Omi wearable.

Rooms from the top: `cli` (commands), `doctor` (checks), `system` (all that `web` sees), `status` (health and figures),
`tree` and `parts` (the actors, in start order), `actors`, `jobs` (one file a kind), `store` (SQL), `clients` (outbound
HTTP), `backplane` (hints between nodes), `kit` (actors on Pykka), `instruments` (metrics, logs), `domain` (pure
decisions), `errors`, `ids`, `clock`. HTTP is in `web`, settings in `config`.
"""

__version__ = "0.1.0"
