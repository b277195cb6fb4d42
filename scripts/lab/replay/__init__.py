"""Replay: send recorded or invented webhooks at their times, also over kills, and check the stored data.

Lives here: recordings, invented conversations, the sender, the checks, the kill test; servers that tests start.
Not here: parts of the server, which is used only by HTTP; measurements (bench/).
Files: recording, generator, http, sender, accept_log, verify, judge, deliveries, report, __main__; kill_test,
kill_report, people, changes, people_kept, people_judge; rolling, with nginx_server;
server_process, postgres_server, redis_server, fake_omi, fake_openai, fake_openai_process.
"""
