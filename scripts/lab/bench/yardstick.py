"""Yardstick of webhook throughput: a Tornado server that does as little as possible with a webhook.

Not here: the measurement (throughput.py). Threads: a process of its own: python -m scripts.lab.bench.yardstick
"""

import asyncio
import json
import logging
import os
import signal

import tornado.web


class BareWebhook(tornado.web.RequestHandler):
    """POST /omi-webhook: parse the JSON, answer an empty object."""

    def post(self) -> None:
        """Parse the body and answer `{}`."""
        json.loads(self.request.body)
        self.set_header("Content-Type", "application/json")
        self.finish(b"{}")


class Ready(tornado.web.RequestHandler):
    """GET /readyz: the server is ready."""

    def get(self) -> None:
        """Answer 200."""
        self.finish(b"{}")


async def main() -> None:
    """Serve on 127.0.0.1:$PORT until SIGTERM."""
    logging.getLogger("tornado.access").disabled = True
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    application = tornado.web.Application([("/omi-webhook", BareWebhook), ("/readyz", Ready)])
    application.listen(int(os.environ["PORT"]), "127.0.0.1")
    await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
