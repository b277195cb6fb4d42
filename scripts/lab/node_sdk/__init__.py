"""OpenAI's SDK for Node.js against a server that is started for it, in front of the fake model.

__main__.py starts the server, makes an account and runs talk.mjs, which has the conversation and its checks.
"""
