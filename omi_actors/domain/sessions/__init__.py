"""sessions: to be said."""
