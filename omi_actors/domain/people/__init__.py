"""Rules about persons: their accounts, and what belongs to an account. Pure: no I/O, no clock.

accounts.py   emails, passwords, names, roles, lifetimes of tokens
conversations.py  places in lists, titles, the text of an export
linking.py    codes for linking a wearable, and the outcomes

Not here: rows (store/people/), hashing (actors/passwords.py), requests (web/people/).
"""
