"""Thin actors: message in, domain decision, tell."""
