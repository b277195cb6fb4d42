"""What `omi-actors doctor` looks at: everything that keeps a server from starting, or from answering.

`finding.py` is what a check says; `python`, `settings`, `files`, `port`, `store`, `model`, `safety` and `clocks` hold
the checks, one function each; `examine.py` runs them. No check changes anything, and each problem comes with its fix.
"""
