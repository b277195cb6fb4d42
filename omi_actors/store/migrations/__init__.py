"""Versioned SQL, one folder per database: NNNN_name.sql, the same numbers and names in sqlite/ and postgres/.

A numbered file is never changed: a database past its number does not run it again. A change is a new number in both
folders, without a gap; a new column is nullable or has a default. With it go the entity (store/entities.py), if the
table has one, and tests/store/test_schema.py (the list of versions, and the highest one).
A column with a person's data has a row in docs/privacy.md. No migration drops or rebuilds a table that others refer to.

Nodes are upgraded one after another, so the old program runs on the new schema for a while. A change has two steps:
1. A release adds: a table, an index, a column that is nullable or has a default. Its program works with old rows, too.
2. A later release removes, renames or tightens. Its file begins with the line `-- needs: N`: N is the number of the
   first step, whose program works without what goes. A node that knows less is refused at its start; while one runs,
   the step is refused. tests/store/test_schema.py finds such a statement without that line.
A step holds its locks until its end, and webhooks wait for them. So what reads a large table whole (an index, a CHECK,
filling a column) is no step on a table that webhooks write to.
"""
