"""Settings of Omi Actors: every variable with its default, unit, range and meaning.

`groups/` holds the fields by subject. `variables` puts them together and describes them. `settings` loads them from
options, environment and env file, and explains mistakes. `values` parses sizes, lists, switches and proxies. `env_file`
parses a file. `secrets_file` makes tokens on first start. `durable` writes files that a
power cut leaves whole. `not_taken` explains variables of other servers.

Not here: anything that acts on a setting. Nothing is loaded at import.
"""
