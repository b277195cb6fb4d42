"""Silence: the answer by which a model says that words were not spoken to it, where the words cannot tell.

Not here: the instruction (prompt.py), the decision by words alone (domain/hearing/meant.py), what happens to the
question (jobs/answer.py). Threads: any; pure.
"""

import re

# No mark, bracket or tag: those of models' templates are removed from answers (speech.py).
NOT_FOR_ME = "NOT_FOR_ME"
# The token with its underscores is silence anywhere, since no word of it may be shown; its three words, as some models
# write them, only if nothing else is said.
_TOKEN = re.compile(r"not\\?[_-]for\\?[_-]me", re.IGNORECASE)
_WORDS = re.compile(r"[\W_]*not[\W_]*for[\W_]*me[\W_]*", re.IGNORECASE)


def is_silence(text: str) -> bool:
    """Return True if an answer is the token, or holds it: with other case, blanks, quotes or marks around."""
    return _TOKEN.search(text) is not None or _WORDS.fullmatch(text) is not None
