"""Sessions: the actor of one owner's session, its parts, and the router in front of them.

Here: state of a session in memory and its turns. Not here: decisions (domain/), rows (store/), jobs (actors/queue).
actor.py     the session actor: segments, questions, load and commit
hearing.py   its open utterance
answers.py   its deliveries, by the table in domain/answers/delivery.py
chat.py      its typed questions, askers and space
completions.py  its completions: tasks for programs that bring their own conversation
slots.py     its open replies, and the node's index of them
watchers.py  callbacks for those who follow a conversation
commits.py   what a turn or a delivery step commits
messages.py  mail to sessions
router.py    activation and passivation
owners.py    the way to a session, here or at the node that owns it
forwarding.py  messages to other nodes, and taking over
mail_room.py mail between nodes, and messages of others
wire.py      messages between nodes as bytes
"""
