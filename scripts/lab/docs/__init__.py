"""The documents that are made from the program: docs/settings.md, config/example.env and docs/metrics.md.

`pages.py` builds their text, `delivery_table.py` the table in docs/architecture.md. `scripts/docs` writes them; tests
compare them with the files in the repository. Pages made from measured figures belong to their measurement:
`scripts/bench --docs`, `scripts/chaos --docs`.
"""
