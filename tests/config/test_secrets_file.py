"""The secrets made on first start: made once, readable by their owner only, never half written."""

import threading

import pytest

from config.secrets_file import FILE_NAME, add_made_secrets
from config.settings import InvalidSettingError, load_with_origins


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    for name in ("ADMIN_TOKEN", "WEBHOOK_TOKEN", "APP_ENV", "NODE_ENV"):
        monkeypatch.delenv(name, raising=False)
    return load_with_origins(overrides={"DATA_DIR": str(tmp_path / "data")})


def tokens(loaded):
    settings = loaded.settings
    return settings.admin_token.get_secret_value(), settings.webhook_token.get_secret_value()


def test_tokens_are_made_on_first_start_and_the_same_on_the_second(loaded):
    first, second = add_made_secrets(loaded), add_made_secrets(loaded)

    assert tokens(first) == tokens(second)
    assert len(set(tokens(first))) == 2
    assert min(map(len, tokens(first))) >= 43


def test_file_is_readable_by_its_owner_only(loaded):
    add_made_secrets(loaded)
    path = loaded.settings.data_dir / FILE_NAME

    assert path.stat().st_mode & 0o777 == 0o600
    assert loaded.settings.data_dir.stat().st_mode & 0o777 == 0o700
    assert [entry.name for entry in loaded.settings.data_dir.iterdir()] == [FILE_NAME]  # no draft is left


def test_file_that_became_readable_is_closed_again(loaded):
    add_made_secrets(loaded)
    path = loaded.settings.data_dir / FILE_NAME
    path.chmod(0o644)

    add_made_secrets(loaded)

    assert path.stat().st_mode & 0o777 == 0o600


def test_given_token_wins_over_the_file(loaded):
    add_made_secrets(loaded)
    given = load_with_origins(overrides={"DATA_DIR": str(loaded.settings.data_dir), "WEBHOOK_TOKEN": "mine"})

    assert tokens(add_made_secrets(given))[1] == "mine"


def test_production_makes_nothing(tmp_path):
    given = {
        "APP_ENV": "production",
        "ADMIN_TOKEN": "a" * 24,
        "OMI_SIGNING_SECRETS": "s",
        "DATA_DIR": str(tmp_path / "d"),
    }

    settings = add_made_secrets(load_with_origins(overrides=given)).settings

    assert settings.webhook_token is None
    assert not settings.data_dir.exists()


def test_file_without_a_token_is_refused_with_the_way_out(loaded):
    loaded.settings.data_dir.mkdir()
    (loaded.settings.data_dir / FILE_NAME).write_text("ADMIN_TOKEN=a\nWEBHOOK_TOKEN=\n")

    with pytest.raises(InvalidSettingError, match=r"holds no WEBHOOK_TOKEN\. Delete it"):
        add_made_secrets(loaded)


def test_folder_that_cannot_be_made_is_refused_with_the_way_out(loaded):
    loaded.settings.data_dir.write_text("a file where the folder should be")

    with pytest.raises(InvalidSettingError, match="DATA_DIR"):
        add_made_secrets(loaded)


@pytest.mark.threads
def test_starts_at_the_same_moment_agree_on_one_file(loaded):
    barrier = threading.Barrier(8)
    seen = []

    def start():
        barrier.wait(timeout=5)
        seen.append(tokens(add_made_secrets(loaded)))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=5)

    assert len(seen) == 8
    assert len(set(seen)) == 1
