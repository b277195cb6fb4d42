"""Measuring recall: invented persons ask a real store for what was said around them. Run as scripts/recall.

__main__.py   the command; world.py: persons, their conversations and questions; words/: what these are made of
measure.py    storing, indexing, asking, and the plain full-text search beside it
"""
