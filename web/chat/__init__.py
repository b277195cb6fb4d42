"""chat: to be said."""
