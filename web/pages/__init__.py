"""HTML, CSS and JavaScript of the pages, and `render.py`, which fills the templates.

Pages load nothing from other servers, and they work without JavaScript. Access rules are in `handlers/`.
"""
