"""status: to be said."""
