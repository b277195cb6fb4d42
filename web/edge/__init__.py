"""The door: what is checked before anybody is asked what they want.

From the outside in: `listener` (connections, how many and how idle), `streams` and `connections` (Tornado's, refusing
in our form), `heads` (malformed requests), `uploads` (memory for bodies), `hosts` (which names are ours), `clients`
(who speaks through proxies), `cors`, `browser_headers` and `compression` (what browsers get), `rate_limits`, and
`operator_sessions` (who is the operator).
"""
