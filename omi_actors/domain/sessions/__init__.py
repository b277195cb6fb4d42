"""Sessions: transcripts, typed chats and the records that the store keeps of a session. Pure values and functions.

Not here: questions in speech (domain/hearing/), answers (domain/answers/), the actor (actors/session/), rows (store/).

transcript.py  sorts a webhook's segments into new and known ones, and begins conversations
chat.py        typed questions and their repetitions
records.py     values that are loaded when a session starts, and committed by its turns
keys.py        keys of wearables' and accounts' sessions
owner.py       the node that owns a session
"""
