"""HTML, CSS and JavaScript of the pages, and `render.py`, which fills the templates.

Pages load nothing from other servers. The page for people is made by the modules of `app/`, that of the interface
by those of `docs/`; all other pages work without JavaScript. Access rules are in `handlers/`.
"""
