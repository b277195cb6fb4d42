"""The secrets made on first start: once, for us alone, never half written."""

import threading

import pytest

from config.secrets_file import FILE_NAME, with_made_secrets
from config.settings import InvalidSettingError, load_settings


@pytest.fixture
def settings(tmp_path, monkeypatch):
    for name in ("ADMIN_TOKEN", "WEBHOOK_TOKEN", "APP_ENV", "NODE_ENV"):
        monkeypatch.delenv(name, raising=False)
    return load_settings(overrides={"DATA_DIR": str(tmp_path / "data")})


def tokens(settings):
    return settings.admin_token.get_secret_value(), settings.webhook_token.get_secret_value()


def test_tokens_are_made_on_first_start_and_the_same_on_the_second(settings):
    first, second = with_made_secrets(settings), with_made_secrets(settings)

    assert tokens(first) == tokens(second)
    assert len(set(tokens(first))) == 2
    assert min(map(len, tokens(first))) >= 43


def test_file_is_readable_by_its_owner_only(settings):
    with_made_secrets(settings)
    path = settings.data_dir / FILE_NAME

    assert path.stat().st_mode & 0o777 == 0o600
    assert settings.data_dir.stat().st_mode & 0o777 == 0o700
    assert [entry.name for entry in settings.data_dir.iterdir()] == [FILE_NAME]  # no draft is left


def test_file_that_became_readable_is_closed_again(settings):
    with_made_secrets(settings)
    path = settings.data_dir / FILE_NAME
    path.chmod(0o644)

    with_made_secrets(settings)

    assert path.stat().st_mode & 0o777 == 0o600


def test_given_token_wins_over_the_file(settings):
    with_made_secrets(settings)
    given = load_settings(overrides={"DATA_DIR": str(settings.data_dir), "WEBHOOK_TOKEN": "mine"})

    assert tokens(with_made_secrets(given))[1] == "mine"


def test_production_makes_nothing(tmp_path):
    given = {"APP_ENV": "production", "ADMIN_TOKEN": "a", "OMI_SIGNING_SECRETS": "s", "DATA_DIR": str(tmp_path / "d")}

    settings = with_made_secrets(load_settings(overrides=given))

    assert settings.webhook_token is None
    assert not settings.data_dir.exists()


def test_file_without_a_token_is_refused_with_the_way_out(settings):
    settings.data_dir.mkdir()
    (settings.data_dir / FILE_NAME).write_text("ADMIN_TOKEN=a\nWEBHOOK_TOKEN=\n")

    with pytest.raises(InvalidSettingError, match=r"holds no WEBHOOK_TOKEN\. Delete it"):
        with_made_secrets(settings)


def test_folder_that_cannot_be_made_is_refused_with_the_way_out(settings):
    settings.data_dir.write_text("a file where the folder should be")

    with pytest.raises(InvalidSettingError, match="DATA_DIR"):
        with_made_secrets(settings)


@pytest.mark.threads
def test_starts_at_the_same_moment_agree_on_one_file(settings):
    barrier = threading.Barrier(8)
    seen = []

    def start():
        barrier.wait(timeout=5)
        seen.append(tokens(with_made_secrets(settings)))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=5)

    assert len(seen) == 8
    assert len(set(seen)) == 1
