"""queue: to be said."""
