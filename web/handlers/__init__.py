"""Handlers of every address but the webhook's, one file a subject. Business decisions are the system's.

- `base.py`: request id, errors, log line and count of each request; `guarded.py`: access, limits, deadline.
- `chat.py`, `chat_body.py`: `POST /chat`. `context.py`: the space of a session. `transcript.py`: its transcript.
- `pages.py`: start page and dashboard. `about.py`: `/api/info` and `/help`. `status.py`: health and metrics.
- `operator.py`: sign-in and sign-out. `queue.py`: queue admin.
"""
