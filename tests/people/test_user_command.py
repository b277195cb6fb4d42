"""The command `omi-actors user` against a running server."""

import asyncio
import zipfile

import pytest
from click.testing import CliRunner

from omi_actors.cli import main
from tests.canaries import ADMIN_TOKEN, PASSWORD
from tests.people.conftest import Client


@pytest.fixture
def command(running, monkeypatch, tmp_path):
    """Run the command; return its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    async def run(*arguments, stdin=""):
        given = ("user", "--port", str(running.port), *arguments)
        invoke = CliRunner().invoke
        done = await asyncio.to_thread(lambda: invoke(main, given, input=stdin, env={"ADMIN_TOKEN": ADMIN_TOKEN}))
        return done.exit_code, done.stdout, done.stderr

    return run


async def test_command_makes_and_lists_accounts_and_prints_links(command, running):
    ada = Client(running.connection)

    code, said, _ = await command("create", "ada@example.com", "--admin", "--password-stdin", stdin=f"{PASSWORD}\n")
    assert (code, said.startswith("ada@example.com: account "), "role ADMIN" in said) == (0, True, True)
    assert (await ada.login()).json["user"]["role"] == "ADMIN"

    code, said, _ = await command("create", "bob@example.com", "--observer", "--name", "Bob")
    assert (code, "role OBSERVER" in said, "/auth/reset?key=" in said) == (0, True, True)

    listed = (await command("list"))[1].splitlines()
    assert [line.split()[:2] for line in listed] == [["ada@example.com", "ADMIN"], ["bob@example.com", "OBSERVER"]]
    assert listed[1].endswith("Bob")
    assert (await command("list", "--limit", "1"))[1].splitlines()[1] == "More: --after ada@example.com"

    for arguments, path in (
        (["invite", "--admin"], "/auth/set-up?key="),
        (["reset-password", "ada@example.com"], "/auth/reset?key="),
    ):
        code, said, _ = await command(*arguments)
        link = said.split()[0]
        assert (code, path in link) == (0, True)
        assert (await running.connection.request("GET", link[link.index("/auth") :])).status == 200


async def test_command_exports_and_deletes_an_account(command, running, tmp_path):
    ada = Client(running.connection)
    await ada.register()
    archive = tmp_path / "ada.zip"

    code, said, _ = await command("export", "ada@example.com", str(archive))
    assert (code, said.startswith(f"{archive}: "), archive.stat().st_mode & 0o777) == (0, True, 0o600)
    with zipfile.ZipFile(archive) as opened:
        assert b"ada@example.com" in opened.read("account.json")
    assert (await command("export", "ada@example.com", str(archive)))[0] == 2
    missing = tmp_path / "none.zip"
    assert (await command("export", "nobody@example.com", str(missing)))[0] == 2
    assert not missing.exists()

    assert (await command("delete", "ada@example.com", stdin="n\n"))[0] == 1
    assert (await ada("GET", "/me")).status == 200
    code, said, _ = await command("delete", "ada@example.com", "--yes")
    assert (code, "/account/erasure?key=" in said) == (0, True)
    assert (await ada("GET", "/me")).status == 401
    assert (await command("delete", "ada@example.com", "--yes"))[0] == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["create", "ada"], "400: Invalid email format"),
        (["reset-password", "nobody@example.com"], "404: No account has this email."),
        (["create", "ada@example.com", "--password-stdin"], "400: Password must be at least 8 characters"),
    ],
)
async def test_command_says_in_a_sentence_what_is_wrong(arguments, sentence, command):
    code, _, said = await command(*arguments, stdin="short\n")

    assert (code, said.partition(" says ")[2].strip()) == (2, sentence)
