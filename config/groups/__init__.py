"""Fields of the settings, one file a subject; config/variables.py puts them together as `Settings`.

`server` (address, tokens, logs, metrics), `edge` (limits, proxies, browsers), `store` (database, retention),
`backplane` (Redis), `model` (model server, budgets), `hearing`, `delivery` (answers, chat), `people` (accounts),
`work` (sessions, queue).
A class's first line is its title in docs/settings.md. Not here: loading the values.
"""
