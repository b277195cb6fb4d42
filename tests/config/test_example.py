"""example.env names every setting and changes nothing by itself."""

from pathlib import Path

import config
from config.settings import Settings, load_settings, variables_of
from config.variables import unit_of

EXAMPLE = Path(config.__file__).with_name("example.env")


def test_example_names_every_setting():
    text = EXAMPLE.read_text(encoding="utf-8")

    assert all(f"\n#{variables_of(field)[0]}=" in text for field in Settings.model_fields.values())


def test_example_with_everything_uncommented_gives_the_defaults(tmp_path, monkeypatch):
    for field in Settings.model_fields.values():
        for name in variables_of(field):
            monkeypatch.delenv(name, raising=False)
    lines = [
        line.removeprefix("#") for line in EXAMPLE.read_text(encoding="utf-8").splitlines() if not line.startswith("# ")
    ]
    (tmp_path / ".env").write_text("\n".join(lines), encoding="utf-8")

    assert load_settings(tmp_path / ".env") == load_settings()


def test_only_settings_that_take_sizes_are_in_bytes():
    units = {name: unit_of(name, Settings.model_fields[name]) for name in ("request_log_size", "max_request_size")}

    assert units == {"request_log_size": "", "max_request_size": "bytes"}
