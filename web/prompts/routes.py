"""The table of the addresses of prompts.

Not here: all other addresses (web/app.py). Threads: any; constant.
"""

from web.prompts.handlers import PromptHandler, PromptsHandler, VersionsHandler
from web.prompts.run import RunHandler, TryHandler

ROUTES = (
    (r"/prompts/?", PromptsHandler),
    (r"/prompts/run/?", RunHandler),
    (r"/prompts/try/?", TryHandler),
    (r"/prompts/([^/%]+)/?", PromptHandler),
    (r"/prompts/([^/%]+)/versions/?", VersionsHandler),
)
