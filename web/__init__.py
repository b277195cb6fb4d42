"""HTTP of Omi Actors: Tornado's server and handlers, and how errors are answered. No business decisions.

From the outside in: `server` (limits, start, stop), `door/` (what is checked before anybody is asked), `entry` (body
limits, the webhook or `app`'s routes), `handlers/`, `auth`, `origins`, `chat_owner` (who may), `requests` (id, query),
`payloads` > `segments` > `tolerant_json` and `chat_body` (bodies), `body_readers` (their threads), `intake` (what is
asked of the system), `sending`, `webhook_replies`, `chat_replies`, `problems` (what is answered), `replies` and
`delta_buffer` (writing it), `traffic`, `counting`, `site`. `ports` is the system as the web sees it.
"""
