"""session: to be said."""
