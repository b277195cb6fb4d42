"""The table of the addresses of OpenAI's wire.

Not here: all other addresses (web/app.py). Threads: any; constant.
"""

from web.openai import base, chat, models, responses

ROUTES = (
    (r"/v1/chat/completions/?", chat.ChatCompletionsHandler),
    (r"/v1/models/?", models.ModelsHandler),
    (r"/v1/models/([^/]+)", models.ModelHandler),
    (r"/v1/responses/?", responses.ResponsesHandler),
    (r"/v1/responses/([^/]+)", responses.ResponseHandler),
    # After all others.
    (r"/v1(?:/.*)?", base.UnknownHandler),
)
