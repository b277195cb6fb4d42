"""Simulation: many wearables that talk at real pace, and a judge that knows their questions.

Lives here: invented conversations, the run, the judgement, the command.
Not here: parts of the server, which is used only by HTTP; sending webhooks and a fake Omi (replay/).
Files: talk (sentences), kinds (ways to ask), plan (all webhooks with their times), judge, report, run, __main__.
"""
