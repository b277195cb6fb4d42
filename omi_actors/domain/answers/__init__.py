"""answers: to be said."""
