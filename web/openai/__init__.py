"""OpenAI's wire at `/v1`: a person's own assistant for chat programs and SDKs; the spaces are its models.

- `base.py`: errors in OpenAI's form, the model's name, one completion of the system.
- `models.py`: `/v1/models`. `chat.py`: `/v1/chat/completions`; `chat_body.py`: its request.
- `responses.py`: `/v1/responses`; `responses_body.py`: its request; `response_events.py`: its form and events.
- `forms.py`: the forms of replies, for the declarations.
- `wire.py`: bodies as msgspec types. `streaming.py`: the event stream of a completion. `routes.py`: the addresses.

Not here: prompts (omi_actors/domain/answers/completions.py), the model (omi_actors/clients/).
"""
