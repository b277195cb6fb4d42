"""Requests made from `/openapi.json` by Schemathesis, sent to a server of its own: as a person, and as the operator.

- `__main__.py`: the program `scripts/fuzz`.
- `run.py`: the server, the callers, and the run of one caller.
- `client.py`: a client made by a generator; `talk.py`: what it says.
"""
