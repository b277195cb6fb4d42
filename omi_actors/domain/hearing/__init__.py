"""hearing: to be said."""
