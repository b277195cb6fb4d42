"""`/mcp`: the person's assistant as tools of the Model Context Protocol, for chat programs, editors and agents.

handler.py   the address: one message in, one reply out
protocol.py  JSON-RPC, revisions, errors and their statuses
tools.py     the tools, each with what it takes and returns

There are no sessions and no event streams: each request says all that is needed. Not here: the statements
(omi_actors/store/people/), answers (omi_actors/actors/session/).
"""
