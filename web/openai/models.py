"""`GET /v1/models`: the person's spaces as models.

Not here: their meaning (omi_actors/domain/answers/prompt.py). Threads: the event loop.
"""

from web.declare import declare
from web.openai.base import MODEL, OpenAIHandler, find_space, model_name, model_names
from web.openai.forms import ERRORS, OpenAIModelForm, OpenAIModels

# UTC seconds of 27 November 2026, from which on the spaces are models.
_CREATED_S = 1_795_737_600


class ModelsHandler(OpenAIHandler):
    """Lists the models."""

    route = "/v1/models"

    @declare({200: OpenAIModels, **ERRORS})
    def get(self) -> None:
        """Answer with all models; each person has the same."""
        self.send_json({"object": "list", "data": [_form(name) for name in model_names()]})


class ModelHandler(OpenAIHandler):
    """Shows one model."""

    route = "/v1/models/:id"

    @declare({200: OpenAIModelForm, **ERRORS})
    def get(self, name: str) -> None:
        """Answer with the model."""
        self.send_json(_form(model_name(find_space(name))))


def _form(name: str) -> OpenAIModelForm:
    return {"id": name, "object": "model", "created": _CREATED_S, "owned_by": MODEL}
