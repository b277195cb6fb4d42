"""The replayer: webhooks recorded or invented, sent on schedule, and checked against what the server kept.

May live here: recordings, invented conversations, the sender, the accept log, the check, the kill test.
Not here: anything that the server itself runs; measurements (bench/). It knows the server by HTTP only.
Files: recording, generator, targets, http, sender, accept_log, verify, judge, report, command; and for killing:
server_process, under_test, postgres_server, redis_server, fake_omi, fake_openai, settling, kill_test.
"""
