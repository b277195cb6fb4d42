"""Handlers of every address except the webhook's and those of persons (web/people/), one file for each subject.

The system makes the decisions.

- `base.py`: request id, errors, log line and count of each request; `caller.py`: the caller and who may
come in; `guarded.py`: limits, deadline.
- `asking.py`: waiting for an answer. `chat.py`, `chat_body.py`: `POST /chat`.
`context.py`: the space of a session (the subject of its answers).
`transcript.py`: a session's transcript.
- `requests.py`: one request's timeline. `webhooks.py`: the webhook inspector.
- `pages.py`: start page and dashboard. `live.py`: the dashboard's event stream, and the restart
of an actor; `event_stream.py`: its base, and that of persons' streams.
`about.py`: `/api/info` and `/help`.
- `reference.py`: `/docs` and `/openapi.json`; `openapi.py`: the document; `operations.py`: what it is made of.
`status.py`: health and metrics.
- `operator.py`: sign-in and sign-out. `queue.py`, `queue_forms.py`: queue admin.
"""
