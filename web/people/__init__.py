"""Handlers of persons' addresses, one file a subject. Each row that they read or change is the signed-in person's own.

base.py       PersonHandler: only for signed-in persons; bodies, replies
bodies.py     fields of JSON bodies, in both key styles
passwords.py  verifying a password, with a limit on wrong ones
auth.py       register, login, logout, /auth/me, /me
account.py    profile, password, sessions
export.py     everything of a person in one archive
erasure.py    deletion of an account, and its progress
preferences.py  preferences, as they are entered
wearables.py  linking wearables: codes, list, unlink, undo
links.py      pages of one-time links: make an account, set a password
admin.py      the operator's: list and make accounts, issue links
conversations.py  list, read, messages, rename, delete, export, the current one
windows.py    five windows onto conversations, spaces
polls.py      the short way of what phones poll
stamps.py     whether what they show has changed
messages.py   sending a message to a conversation, sources of an answer, deletion of one entry
tasks.py      tasks of agents
followups.py  a person's own words to the wearable
stats.py      counts and activity
stream.py     the event stream of what is new (web/feeds.py finds it)
forms.py      conversations, messages, cursors as clients know them
paging.py     `limit` and `cursor` of lists
memories.py   memories, and their import from Omi
routes.py     the table of these addresses

Not here: finding the person of a request (web/identity.py, web/handlers/guarded.py), statements
(omi_actors/store/people/), rules (omi_actors/domain/people/).
"""
