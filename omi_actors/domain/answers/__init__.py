"""Answers: prompts, limits, failures and deliveries as pure decisions. No IO, no clock, no actor.

prompt.py            spaces and the prompt; limits.py: time and tokens of an answer, its cut
completions.py       prompts from conversations that programs bring along
budget.py            questions a minute and tokens a day
breaker.py           a circuit breaker; patience.py: fallback models, deadlines, retries
speech.py            the speech in a model's text; marks.py: the marks around it; silence.py: what is no answer
failures.py          a failure's sentence and the operator's fix; sentences.py: its words
delivery.py          the table of transitions; delivery_records.py: its states, channels and rows
notifications.py     limits, values and text of notifications
"""
