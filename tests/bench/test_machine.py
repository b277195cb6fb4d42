import os
import subprocess
import sys

from scripts.lab.bench.machine import limited_files, read_footprint

# Writes two bytes when told to, and says what became of it.
WRITER = """
import sys
for line in sys.stdin:
    try:
        with open(sys.argv[1], "wb", buffering=0) as out:
            out.write(b"ab")
            out.write(b"cd")
        print("written", flush=True)
    except OSError as error:
        print(error.errno, flush=True)
"""


def test_footprint_counts_files_and_threads_of_a_process(tmp_path):
    before = read_footprint(os.getpid())

    with (tmp_path / "file").open("w"):
        during = read_footprint(os.getpid())

    assert during.files == before.files + 1
    assert during.threads >= 1
    assert during.resident_bytes > 1_000_000


def test_writes_beyond_the_limit_fail_until_it_is_lifted(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path / "file")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603

        def write() -> str:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("go\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        assert write() == "written"
        with limited_files(process.pid, 2):
            assert write() == "27"
        assert write() == "written"
