"""Scores of hearing: play tables of cases to the detector and count its questions. Run as scripts/hearing.

Not here: the detector (omi_actors/domain/hearing/), the cases themselves (tests/hearing/cases/).
Files: play (cases and playing them), score (counts and the report).
"""
