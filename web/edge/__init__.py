"""The edge: checks and limits before a request reaches its handler. No module here uses a route or the system.

- `listener.py`: connections and their limits. `stream.py`: their streams, and Tornado's refusals in our form.
- `sharing.py`: connections to an address that several processes have.
- `whole.py`: requests that came whole, answered without Tornado.
- `header_checks.py`: refusal of requests that are too large or ambiguous.
- `addresses.py`: names of this server, and addresses of clients behind proxies.
- `encodings.py`: compressed bodies, unpacked piece by piece.
- `limits.py`: requests under way, slow bodies, memory for bodies, rate limits.
- `browsers.py`: CORS, origins and security headers.
- `operator_sessions.py`: the operator's one-time keys and sessions.
- `tolerant_json.py`: JSON bodies in any encoding.
"""
