"""A small embedding for tests: texts about the same thing have the same vector."""

_THINGS = (("flight", "plane", "airport"), ("milk", "dairy"), ("key", "lock"))


def encode(text: str) -> bytes:
    """Return a vector of one signed byte for each thing that a text is about, and one for its length."""
    about = (100 if any(word in text.lower() for word in words) else 1 for words in _THINGS)
    return bytes((*about, len(text) % 50))
