"""A Python client made from `/openapi.json` by a generator (openapi-python-client, MIT): it must compile, and talk.

The generator and what it needs are installed into a folder of the run, from the package index.
Not here: what the client does (talk.py, which runs in that folder's Python). Threads: none.
"""

import subprocess
import sys
from pathlib import Path

from scripts.lab.replay.http import Target

_PACKAGES = ("openapi-python-client>=0.29,<0.30",)
_MINUTES_S = 300


def try_client(target: Target, folder: Path) -> None:
    """Generate the client of a running server, compile it, and let it talk. Raises: CalledProcessError."""
    python = folder / "python" / "bin" / "python"
    _run(sys.executable, "-m", "venv", str(folder / "python"))
    _run(str(python), "-m", "pip", "install", "--quiet", *_PACKAGES)
    url, made = f"http://{target.host}:{target.port}", folder / "client"
    generate = ("generate", "--url", f"{url}/openapi.json", "--meta", "none", "--output-path", str(made / "omi_client"))
    _run(str(python), "-m", "openapi_python_client", *generate, "--config", str(_without_hooks(folder)))
    _run(str(python), "-m", "compileall", "-q", str(made))
    _run(str(python), str(Path(__file__).with_name("talk.py")), url, folder=made)


def _without_hooks(folder: Path) -> Path:
    """Return the generator's settings: without them it formats its files by other programs."""
    settings = folder / "generator.yaml"
    settings.write_text("post_hooks: []\n")
    return settings


def _run(*command: str, folder: Path | None = None) -> None:
    environment = {"PATH": "/usr/bin:/bin"} | ({"PYTHONPATH": str(folder)} if folder else {})
    subprocess.run(command, check=True, timeout=_MINUTES_S, env=environment)  # noqa: S603 (our own command)
