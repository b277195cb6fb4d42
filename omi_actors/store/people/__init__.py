"""Statements about persons, one file a subject. Every statement for a person has the account's id in its WHERE.

accounts.py   accounts, tokens, one-time keys
conversations.py  lists, messages, titles, deletion, parts for an export
entries.py    the deletion of one message, or of what was said in one segment
completions.py  what a completion of a person's program needs
tasks.py      tasks of agents
prompts.py    prompts with their versions, and the one that a space's answers follow
followups.py  notifications that a person sends to the own wearable
stats.py      counts and activity
erasure.py    the deletion of an account with all its rows, step by step
windows.py    windows onto conversations, the person's space
export.py     everything of a person, list by list
linking.py    links between accounts and wearables
memories.py   memories
meetings.py   transcripts of meetings as memories
preferences.py  preferences, of accounts and for sessions
recall.py     what a question finds, and an answer's sources; recall_index.py: the index of words
recall_vectors.py  vectors of texts, with the extra `semantic`

Here Pony is the rule (`write_alone`, `read_cold`); frequent reads and writes are SQL (`read`, `write`).
Not here: decisions (domain/people/), requests (web/people/).
"""
