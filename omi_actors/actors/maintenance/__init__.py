"""maintenance: to be said."""
