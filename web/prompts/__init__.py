"""Prompts: the server's own, from files, and a person's; running one.

handlers.py  `/prompts`: list, create, edit, versions, delete
run.py       `/prompts/run`, `/prompts/try`
routes.py    the table of these addresses
shipped/     one TOML file a prompt: `about`, `text` with {variables}, `output_type`

Not here: reading the files (web/prompt_files.py), rules of texts (omi_actors/domain/people/prompts.py), rows
(omi_actors/store/people/prompts.py).
"""
