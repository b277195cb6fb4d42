"""webhook: to be said."""
