"""The generated client's talk with a server: sign up, keep a memory, read it, be refused. Run by client.py.

Not here: making the client (client.py). Threads: one.
"""

import importlib
import sys
from typing import Any


def main(url: str) -> None:
    """Talk, and print what came."""
    package: Any = importlib.import_module("omi_client")
    models: Any = importlib.import_module("omi_client.models")
    body = models.PostAuthRegisterBody(email="generated@example.com", password="a long password")  # noqa: S106
    signed_in = _find("auth.post_auth_register").sync(client=package.Client(base_url=url), body=body)
    client = package.AuthenticatedClient(base_url=url, token=signed_in.session_token)
    _find("memories.post_memories").sync(client=client, body=models.PostMemoriesBody(text="I like green tea"))
    page = _find("memories.get_memories").sync(client=client, search="tea")
    refused = _find("memories.get_memories").sync(client=client, limit=0)
    texts, code = [one.text for one in page.items], refused.code
    if (texts, code) != (["I like green tea"], "bad_request"):
        sys.exit(f"the client read {texts} and {code}")
    print(f"the generated client read {texts[0]!r}, and was refused with {code}")


def _find(name: str) -> Any:
    return importlib.import_module(f"omi_client.api.{name}")


if __name__ == "__main__":
    main(sys.argv[1])
