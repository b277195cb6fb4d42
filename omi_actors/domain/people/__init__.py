"""Rules about persons: their accounts, and what belongs to an account. Pure: no I/O, no clock.

accounts.py   emails, passwords, names, roles, lifetimes of tokens
conversations.py  places in lists, titles, the text of an export
linking.py    codes for linking a wearable, and the outcomes
memories.py   texts of memories, and what Omi sends
preferences.py  what is entered, its validity, and silence
recall.py     the texts that a question asks for; scores.py: their order; words.py: folds of words
dates.py      dates as words
meaning.py    texts found by meaning, beside those found by words

Not here: rows (store/people/), hashing (actors/passwords.py), requests (web/people/).
"""
