"""An env file is taken as written; a bad line is named by its number, never quoted."""

import pytest

from config.env_file import load_env_file
from config.variables import InvalidSettingError


@pytest.fixture
def read(tmp_path):
    def read(text):
        (tmp_path / ".env").write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_env_file(tmp_path / ".env")

    return read


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("PORT=3001", "3001"),
        ("export PORT=3001", "3001"),
        ("PORT = 3001  # the second one", "3001"),
        ('PORT="a b"', "a b"),
        ("PORT='pa$$word#1'", "pa$$word#1"),
        ("PORT=${HOME}", "${HOME}"),
        ("PORT=", ""),
        ("\ufeffPORT=1", "1"),
        ("PORT=1\r\n", "1"),
    ],
)
def test_value_is_taken_as_it_is_written(line, value, read):
    assert read(line).values == {"PORT": value}


def test_lines_are_numbered_past_comments_and_blanks(read):
    assert read("# ours\n\nPORT=1\n\n\nHOST=x\n").lines == {"PORT": 3, "HOST": 6}


@pytest.mark.parametrize("line", ["tell-nobody", "OPENAI_API_KEY", "= tell-nobody", "OPENAI API KEY=tell-nobody"])
def test_line_that_is_no_assignment_is_named_by_its_number(line, read):
    with pytest.raises(InvalidSettingError) as caught:
        read(f"PORT=1\n\n{line}\nHOST=x\n")

    (problem,) = caught.value.problems
    assert "line 3, is not NAME=value" in problem
    assert "tell-nobody" not in problem


def test_text_in_another_encoding_is_refused(read):
    with pytest.raises(InvalidSettingError, match="is not text in UTF-8"):
        read("PORT=1\nNAME=caf\xe9".encode("latin-1"))


def test_folder_in_the_place_of_the_file_is_refused(tmp_path):
    with pytest.raises(InvalidSettingError, match="cannot be read"):
        load_env_file(tmp_path)
