"""A small Python program, run by strace."""

import subprocess
import sys
import textwrap

from scripts.lab.power.trace import build_strace, read_trace


def run_traced(folder, root, program):
    """Run `program`, in which `root` is a path, and return its events below `root`."""
    trace = folder / "trace"
    strace = [word for word in build_strace(trace) if word != "-DD"]  # so that it has ended when this returns
    source = f"root = {str(root)!r}\n{textwrap.dedent(program)}"
    subprocess.run([*strace, sys.executable, "-c", source], check=True)  # noqa: S603 (the test's own)
    return read_trace(trace, root)
