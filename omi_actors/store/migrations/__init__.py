"""Versioned SQL, one folder per database."""
