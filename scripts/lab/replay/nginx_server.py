"""nginx for tests: config/nginx/omi.conf of this checkout before several nodes, without TLS.

Not here: a test of that file's rules (tests/e2e/test_nginx.py). Threads: any; starting blocks.
"""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scripts.lab.replay.server_process import find_free_port

_CONFIG = Path(__file__).parents[3] / "config" / "nginx" / "omi.conf"
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_END_TIMEOUT_S = 10.0


class NginxUnusableError(RuntimeError):
    """There is no nginx, or it ended."""


@contextmanager
def running_nginx(folder: Path, ports: Sequence[int]) -> Iterator[int]:
    """Run nginx before the nodes at these ports; yield its own port, which accepts connections.

    Raises: NginxUnusableError.
    """
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise NginxUnusableError("no nginx: install it (Debian: apt-get install nginx)")
    folder.mkdir(parents=True, exist_ok=True)
    port = find_free_port()
    _write_config(folder, port, ports)
    command = [program, "-p", str(folder), "-e", f"{folder}/main.log", "-c", f"{folder}/nginx.conf"]
    with subprocess.Popen(command) as process:  # noqa: S603 (the proxy under test)
        try:
            _await_port(process, port)
            yield port
        finally:
            process.terminate()
            process.wait(_END_TIMEOUT_S)


def _write_config(folder: Path, port: int, ports: Sequence[int]) -> None:
    text = re.sub(r" +ssl_certificate\S* .*\n", "", _CONFIG.read_text())
    text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};").replace("/var/log/nginx/", f"{folder}/")
    line = re.compile(r"^ +server 127\.0\.0\.1:3000(.*;)\n", re.MULTILINE)
    text = line.sub(lambda found: "".join(f"    server 127.0.0.1:{one}{found[1]}\n" for one in ports), text)
    (folder / "omi.conf").write_text(text)
    places = "".join(f"    {name}_temp_path {folder}/{name};\n" for name in _TEMPORARY)
    (folder / "nginx.conf").write_text(
        f"daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log {folder}/main.log;\nevents {{}}\n"
        f"http {{\n{places}    include {folder}/omi.conf;\n}}\n"
    )


def _await_port(process: "subprocess.Popen[bytes]", port: int) -> None:
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise NginxUnusableError(f"nginx ended with {process.returncode}")
