"""Hearing: find the questions to the wearable in transcript segments. Pure values and functions.

Not here: transcripts and conversations (domain/sessions/), timers (actors/session/), the answers (jobs/answer.py).

hearing.py       the functions that a session calls: hear, pause_over, end_by_words, recall, relabel, …
utterances.py    the full decision: it tracks the open utterance of every speaker
asked.py         decides which of the questions that are found are accepted
overhearing.py   the same decision, fast, for speech without a wake phrase
speech.py        parses the words of one utterance
wake.py          finds wake phrases
mentions.py      decides if a greeted name is spoken about
patterns.py      compiles the patterns of persons
question_end.py  finds the end of a question in its words
pauses.py        decides how long a pause ends a question after which words
waits.py         how long an open utterance waits for more words
resuming.py      what the next words may belong to: a question that others interrupt, or that has just ended
going_on.py      decides if words after those of others go on with a question
phrases.py       word tables of twelve languages
repetition.py    compares two questions
meant.py         decides whether speech without a wake phrase is meant; meant_words.py: its words
language.py      guesses the language of a text
segments.py      segments as values, their keys and versions
state.py         options, state and result of hearing
"""
