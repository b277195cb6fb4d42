"""Domain: pure decisions that take values and return values.

Here: rules that a test can check with a table of values.
Not here: I/O, clocks, random numbers, threads, logs, settings. The time and the settings are arguments.

hearing/   finds questions in transcript segments
answers/   prompts, budgets, failures and the delivery of answers
sessions/  transcripts, chats and the records of a session
work/      jobs, retries and retention
people/    accounts and what belongs to them

Imports go one way: sessions → answers → hearing, and sessions → work.
"""
