"""Checks of `omi-actors doctor`: everything that keeps a server from starting or answering.

`finding` is the result of a check. `installation` (Python, packages, settings), `files`, `port`, `store`, `servers`
(model, Redis, clocks) and `safety` hold the checks, one function each. `examine` runs them. No check changes anything;
each problem comes with its fix. Not here: printing (cli/doctor.py).
"""
