import signal
import sys

import pytest

from omi_actors.clock import SystemClock
from scripts.lab.replay.server_process import ServerFailedError, ServerProcess, find_free_port
from tests.fakes import stand_in_server


@pytest.fixture
def server(tmp_path):
    command = (sys.executable, stand_in_server.__file__)
    server = ServerProcess(
        command,
        settings={"DATA_DIR": str(tmp_path)},
        port=find_free_port(),
        log_file=tmp_path / "log",
        clock=SystemClock(),
    )
    yield server
    server.kill()


@pytest.mark.e2e
async def test_process_that_ends_by_itself_has_an_exit_code(server):
    await server.start()
    assert server.exit_code is None

    server.send_signal(signal.SIGUSR2)

    assert await server.wait(within_s=10.0) == -signal.SIGUSR2
    assert server.exit_code == -signal.SIGUSR2


@pytest.mark.e2e
async def test_process_that_does_not_end_in_time_is_an_error(server):
    await server.start()

    with pytest.raises(ServerFailedError, match="still running after 0 s"):
        await server.wait(within_s=0.01)


async def test_server_that_was_not_started_cannot_be_awaited_or_signalled(server):
    with pytest.raises(ServerFailedError, match="not running"):
        await server.wait(within_s=0.0)
    with pytest.raises(ServerFailedError):
        server.send_signal(signal.SIGTERM)
