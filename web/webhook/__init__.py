"""`POST /omi-webhook` and nothing else. It runs below Tornado's `RequestHandler`, since most requests come here.

- `request.py`: from the headers to the reply. `intake.py`: from the body to messages, which it sends to the system.
- `payloads.py`: every form of body, and its segments.
"""
