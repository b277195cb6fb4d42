"""Send recorded or invented webhooks to a server; run as scripts/replay_webhooks."""

from omi_actors.replay.command import replay_webhooks

if __name__ == "__main__":
    replay_webhooks()
