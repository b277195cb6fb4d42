"""Scores of hearing: play cases to the detector of questions, and count its results. Run as scripts/hearing.

Not here: the detector (omi_actors/domain/hearing/), the cases themselves (tests/hearing/cases/).
Files: play (cases and playing them), score (counts, times to answer, the report), curve (cut-offs against dead air, by
the length of the pause), talk (talk after an answer, and follow-ups),
server (the time to answer of a real server), renderings and sounds (a recogniser's spellings of the name).
"""
