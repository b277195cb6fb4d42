"""Log files: all lines, bounded size and number, private files, no caller waits."""

import json
import logging
import threading

import pytest

from omi_actors.errors import SettingsError
from omi_actors.instruments import metrics
from omi_actors.instruments.log_file import FILE_NAME, LogFile, log_file
from omi_actors.instruments.logs import LogContext, bound_context

pytestmark = pytest.mark.threads


@pytest.fixture
def log():
    logger = logging.getLogger("test.log_file")
    earlier, logger.propagate = logger.level, True
    logger.setLevel(logging.INFO)
    yield logger
    logger.setLevel(earlier)


def lost(reason):
    return metrics.LOG_LINES_LOST.labels(reason)._value.get()


def test_every_line_is_in_the_file_when_the_block_has_ended(log, tmp_path):
    with log_file(tmp_path / "logs", max_bytes=1_000_000, max_files=2), bound_context(LogContext("r1")):
        for number in range(1_000):
            log.info("line %d", number)

    lines = [json.loads(line) for line in (tmp_path / "logs" / FILE_NAME).read_text().splitlines()]
    assert [line["event"] for line in lines] == [f"line {number}" for number in range(1_000)]
    assert {line["request_id"] for line in lines} == {"r1"}


def test_files_are_bounded_in_size_and_number_and_private(log, tmp_path):
    with log_file(tmp_path, max_bytes=4_096, max_files=3):
        for _ in range(500):
            log.info("x" * 100)

    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == [FILE_NAME, f"{FILE_NAME}.1", f"{FILE_NAME}.2"]
    assert all(file.stat().st_size <= 4_096 for file in files)
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_secrets_and_foreign_sentences_do_not_reach_the_file(log, tmp_path):
    with log_file(tmp_path, max_bytes=1_000_000, max_files=2):
        log.info("GET /x?token=abc123")
        log.error("failed", exc_info=ValueError("the words of a person"))

    text = (tmp_path / FILE_NAME).read_text()
    assert "ValueError" in text
    assert "abc123" not in text
    assert "the words" not in text


def test_folder_that_cannot_be_made_is_a_sentence_with_the_way_out(tmp_path):
    (tmp_path / "file").write_text("")

    with (
        pytest.raises(SettingsError, match="ENABLE_FILE_LOGGING=false"),
        log_file(tmp_path / "file" / "logs", max_bytes=4_096, max_files=2),
    ):
        pass


class StuckDisk(logging.Handler):
    """Takes a line and does not come back until it is let go."""

    def __init__(self):
        super().__init__()
        self.took, self.may_go = threading.Event(), threading.Event()

    def emit(self, record):
        self.took.set()
        self.may_go.wait(10)


def test_stuck_disk_holds_up_no_caller_and_lost_lines_are_counted(log):
    disk = StuckDisk()
    handler = LogFile(disk, waiting_lines=2)
    before = lost("full")
    logging.getLogger().addHandler(handler)
    try:
        log.info("taken")
        assert disk.took.wait(10)
        for _ in range(5):
            log.info("waits, or is lost")
    finally:
        logging.getLogger().removeHandler(handler)
        disk.may_go.set()
        handler.close()

    assert lost("full") == before + 3


def test_line_that_cannot_be_written_is_counted_and_told_once(log, tmp_path, capsys):
    before = lost("unwritable")

    with log_file(tmp_path / "logs", max_bytes=4_096, max_files=2):
        (tmp_path / "logs" / f"{FILE_NAME}.1").mkdir()  # so that the file cannot be turned over
        (tmp_path / "logs" / f"{FILE_NAME}.1" / "x").write_text("")
        for _ in range(100):
            log.info("x" * 100)

    assert lost("unwritable") > before
    assert capsys.readouterr().err.count("lines are lost") == 1
