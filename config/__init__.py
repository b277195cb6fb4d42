"""Settings: every variable with its default, unit and meaning.

`variables` (the settings), `settings` (reading and explaining them), `values` (spellings), `secrets_file` (tokens made
on first start), `example` (makes example.env). Nothing is read at import. Nothing of Omi Actors is known here.
"""
