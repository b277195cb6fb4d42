"""Versioned SQL, one folder per database: NNNN_name.sql, the same numbers and names in sqlite/ and postgres/.

A numbered file is never changed: a database past its number does not run it again. A change is a new number in both
folders, without a gap; a new column is nullable or has a default. With it go the entity (store/entities.py), if the
table has one, and tests/store/test_schema.py (the list of versions, and the highest one).
A column with a person's data has a row in docs/privacy.md. No migration drops or rebuilds a table that others refer to.
"""
