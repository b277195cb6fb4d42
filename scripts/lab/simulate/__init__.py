"""The simulation: many wearables that talk at real pace, and a judge who knows what they asked.

May live here: invented conversations with their questions, the run, the judgement, the command.
Not here: anything that the server itself runs; sending and Omi's own side (replay/). It knows the server by HTTP only.
Files: talk (sentences), kinds (how something is said), plan (who says what when), judge, report, run, command.
"""
