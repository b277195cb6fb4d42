"""The HTTP server of Omi Actors, on Tornado: requests in, replies out. Business decisions are the system's.

Imports point down this list only:
- `server.py`: start and stop; `entry.py`: the first steps of every request; `app.py`: the table of routes.
- `openai/`: persons' programs, in OpenAI's wire; `mcp/`: their agents, by the Model Context Protocol.
- `prompts/`: prompts with variables, the server's and persons' own.
- `people/`: the addresses of persons with accounts.
- `handlers/`: all other addresses except the webhook's; `pages/`: their HTML.
- `webhook/`: `POST /omi-webhook`, below Tornado's handlers.
- `site.py`: the state that all handlers share. `auth.py`: tokens, signatures, owners of chats.
- `dashboard.py`: the operator's page as a document, for all open pages. `feeds.py`: what is new for a person's streams.
- `identity.py`: the person of a token, and the cookie that holds it.
- `relay.py`: the way to the other processes at this address.
- `edge/`: connections, header checks, addresses, limits, rules for browsers, JSON bodies.
- `legacy.py`: replies in the shapes of the original's first version. `prompt_files.py`: the server's prompts.
- `recent.py`: a bounded map of what was used lately.
- `declare.py`: parameters, bodies and replies, as the handlers declare them.
- `problems.py`: errors as answers. `requests.py`: request ids, queries, counts, raw replies.
"""
