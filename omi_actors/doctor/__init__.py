"""Checks of `omi-actors doctor` for every problem that stops a server from starting or answering.

`finding` is the result of a check. `installation` (Python, packages, settings), `files`, `port`, `store`, `servers`
(model, Redis, clocks) and `safety` hold the checks, one function each. `running` finds a server that runs. `examine`
runs them. No check changes anything.
Each problem has a text that says how to fix it. Not here: printing (cli/doctor.py).
"""
