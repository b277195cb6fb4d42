"""The program's start and stop expect failures of the kit as they expect its own."""

import asyncio
from types import SimpleNamespace

import pytest

from config.settings import load_with_origins
from omi_actors.cli import serve, server
from omi_actors.cli.program import EXIT_CONFIG, EXIT_SOFTWARE, EXIT_UNAVAILABLE
from omi_actors.errors import SettingsError, StoreUnavailableError
from omi_actors.kit.errors import ActorUnavailableError, AskTimeoutError, MailboxFullError, RestartIntensityError
from omi_actors.kit.future import Future
from omi_actors.store.durability import read_durability
from omi_actors.store.facade import Store
from tests.canaries import ADMIN_TOKEN, WEBHOOK_TOKEN

AT_ONCE_S = 3.0


def failed(error):
    future: Future[None] = Future()
    future.try_fail(error)
    return future


@pytest.mark.parametrize("error", [StoreUnavailableError("as told"), ActorUnavailableError("as told")])
async def test_start_ends_with_the_failure_of_the_store_or_the_kit(error, start, monkeypatch):
    write = Store.write

    def fail_once(store, work, *args, **kwargs):
        return failed(error) if work is read_durability else write(store, work, *args, **kwargs)

    monkeypatch.setattr(Store, "write", fail_once)

    async with asyncio.timeout(AT_ONCE_S):
        with pytest.raises(type(error), match="as told"):
            await start()


@pytest.mark.parametrize("cls", [StoreUnavailableError, AskTimeoutError, ActorUnavailableError])
async def test_workers_that_do_not_drain_are_named_in_the_log_and_all_stops(cls, start, monkeypatch, caplog):
    program = await start()
    deaf = SimpleNamespace(ask=lambda *_args, **_kwargs: failed(cls("as told")))
    monkeypatch.setattr(program.system._tree, "workers", deaf)

    assert await program.system.stop(grace_s=0.0)
    assert "attempts_not_drained" in caplog.text
    assert cls.__name__ in caplog.text


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError("as told"), EXIT_CONFIG),
        (StoreUnavailableError("as told"), EXIT_UNAVAILABLE),
        (AskTimeoutError("as told"), EXIT_UNAVAILABLE),
        (MailboxFullError("as told"), EXIT_UNAVAILABLE),
        (RestartIntensityError("as told"), EXIT_SOFTWARE),
    ],
)
def test_serve_ends_with_one_sentence_and_the_code_of_the_failure(error, code, tmp_path, monkeypatch, capsys, caplog):
    async def fail(*_, **__):
        raise error

    monkeypatch.setattr(server, "_serve", fail)
    given = {"ADMIN_TOKEN": ADMIN_TOKEN, "WEBHOOK_TOKEN": WEBHOOK_TOKEN, "LOG_DIR": str(tmp_path)}
    loaded = load_with_origins(overrides={**given, "ENABLE_FILE_LOGGING": "true"})

    with pytest.raises(SystemExit) as ended:
        serve._run(loaded)

    assert ended.value.code == code
    assert capsys.readouterr().err.startswith("omi-actors: as told")
    assert "start_failed" in caplog.text
    assert "Traceback" not in caplog.text
