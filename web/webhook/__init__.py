"""`POST /omi-webhook` and nothing else. It runs below Tornado's `RequestHandler`, since most requests come here.

- `request.py`: from the headers to the reply. `intake.py`: from the body to messages, and sending them to the system.
- `payloads.py`: every form of body, and its segments.
"""
