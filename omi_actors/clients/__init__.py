"""Outbound HTTP: language models, and Omi's notification API.

model.py                the interface of a model, and the demo model
openai_model.py         a model at an OpenAI-compatible server
model_server.py         the API of such a server: the client, its errors as ours, a check
completion_request.py   the request of a chat completion
completion_stream.py    the answer in a chat completion; completion_chunk.py: the shapes of its chunks
tool_calls.py           calls of tools, put together from pieces
event_stream.py         the events of a stream, or what servers send in its place
model_refusals.py       the meaning of a refusal: status, body and headers in, one of our errors out
refusal_words.py        the words of an error body in any form, and the pause that a server asks for
refusal_phrases.py      what the common servers write in refusals
model_chain.py          circuit breaker around each model, and fallback to the next model
omi_api.py              Omi's notification API, with its circuit breaker
circuit.py              a circuit breaker around calls, with metrics and log lines
surroundings.py         the proxy and the certificates that the environment names for a call
bounded_http.py         HTTP clients that follow no redirect and bound each reply

Foreign errors become errors of `omi_actors/errors.py` here. Not here: retries (actors/queue/), decisions
(domain/answers/).
"""
