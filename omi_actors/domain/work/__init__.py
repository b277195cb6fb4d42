"""work: to be said."""
