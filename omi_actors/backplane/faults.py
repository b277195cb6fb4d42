"""Why Redis does not carry: one word for logs and metrics, and the way out for whoever reads it.

Not here: telling the faults apart (redis_session.py). Threads: none, pure.
"""

FIXES = {
    "unreachable": "start the Redis server, or correct the address in REDIS_URL",
    "timeout": "the server hangs, is overloaded or far away; REDIS_TIMEOUT_MS says how long it may take",
    "wrong_password": "correct the user and the password in REDIS_URL",
    "not_permitted": "give REDIS_URL's user SET, INCRBY, PTTL, PEXPIRE, PUBLISH, SUBSCRIBE and PING on keys and "
    "channels that begin with REDIS_KEY_PREFIX",
    "refuses_writes": "the server is at its maxmemory, or cannot save: its log says which",
    "loading": "nothing: the server reads its data, and is asked again",
    "read_only": "REDIS_URL names a replica; give the primary's address",
    "no_certificate": "the server's certificate does not prove its name; add ?ssl_ca_certs=/path.pem to REDIS_URL",
    "not_redis": "what answers at REDIS_URL does not speak Redis's protocol; correct the address",
    "closed": "the server closed the connection: it was stopped, or has reached its maxclients",
}
