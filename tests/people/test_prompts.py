"""A person's prompts: made, tried, changed, chosen for a space; the server's prompts, from files."""

from typing import Any

import pytest

from omi_actors.clients.model import DemoModel
from omi_actors.domain.people.prompts import MAX_VERSIONS, Draft, fill
from omi_actors.errors import SettingsError, UpstreamUnavailableError
from tests.people.conftest import Client
from web.prompt_files import load_prompts


class Model(DemoModel):
    """A model that repeats the prompt, remembers it, and fails when told."""

    def __init__(self):
        self.prompts, self.is_broken = [], False

    async def answer(self, prompt, *, deadline_s, on_text=None):
        self.prompts.append(prompt)
        if self.is_broken:
            raise UpstreamUnavailableError("it is away")
        return await super().answer(prompt, deadline_s=deadline_s, on_text=on_text)


@pytest.fixture
def model():
    return Model()


@pytest.fixture
async def ada(start, model, tmp_path):
    """A person at a server whose operator has a prompt of their own, with SQLite."""
    return await sign_up(start, model, tmp_path)


@pytest.fixture
async def ada_anywhere(start, model, tmp_path, database_url):
    """The same on each database."""
    return await sign_up(start, model, tmp_path, database_url)


async def sign_up(start, model, tmp_path, database_url=""):
    folder = tmp_path / "prompts"
    folder.mkdir()
    (folder / "house.toml").write_text('text = "Whose turn is it? {list}"\noutput_type = "task"\n')
    program = await start(database_url, model=model, PROMPTS_DIR=str(folder), ENABLE_RATE_LIMIT="false")
    client = Client(program.connection)
    await client.register()
    return client


async def test_persons_prompt_lives_from_its_first_draft_to_its_end(ada_anywhere, model):
    ada = ada_anywhere
    tried = await ada("POST", "/prompts/try", {"text": "Shorter: {what} {more}", "variables": {"what": "a {b} c"}})
    assert (tried.status, model.prompts[-1].question) == (200, "Shorter: a {b} c")

    made = await ada("POST", "/prompts", {"name": "short", "text": "Shorter: {what}", "outputType": "memory"})
    assert made.status == 201
    own = made.json["prompt"]
    assert (own["variables"], own["version"], own["source"], own["outputType"]) == (["what"], 1, "own", "memory")
    listed = (await ada("GET", "/prompts")).json["items"]
    assert [one["name"] for one in listed] == ["short", "action-items", "house", "meeting-summary"]

    changed = (await ada("PATCH", "/prompts/short", {"text": "In one word: {what}"})).json["prompt"]
    assert (changed["version"], changed["id"]) == (2, own["id"])
    versions = (await ada("GET", f"/prompts/{own['id']}/versions")).json["items"]
    assert [(one["number"], one["text"]) for one in versions] == [(2, changed["text"]), (1, own["text"])]
    for version, text in ((None, "In one word: rain"), (1, "Shorter: rain")):
        body = {"prompt_id": "short", "variables": {"what": "rain"}} | ({"version": version} if version else {})
        await ada("POST", "/prompts/run", body)
        assert model.prompts[-1].question == text
    again = (await ada("PATCH", "/prompts/short", {"version": 1})).json["prompt"]
    assert (again["version"], again["text"]) == (3, own["text"])
    put = (await ada("PUT", f"/prompts/{own['id']}", {"name": "brief", "text": "Brief: {what}"})).json["prompt"]
    assert (put["name"], put["outputType"], put["version"]) == ("brief", "text", 4)

    assert (await ada("DELETE", "/prompts/brief")).json == {"ok": True}
    assert (await ada("GET", f"/prompts/{own['id']}")).status == 404
    assert (await ada("DELETE", "/prompts/brief")).status == 404


async def test_output_is_kept_as_its_prompt_says_for_persons_only(ada, model):
    spoken = {"prompt_id": "meeting-summary", "variables": {"transcript": "Ada: Monday."}}

    kept = (await ada("POST", "/prompts/run", spoken)).json
    shown = (await ada("POST", "/prompts/run", spoken | {"keep": False})).json
    task = (await ada("POST", "/prompts/run", {"prompt_id": "house", "variables": {"list": ["Ada", 7]}})).json
    anyone = (await ada.other()("POST", "/prompts/run", {**spoken, "variables": None})).json

    memories = (await ada("GET", "/memories")).json["items"]
    assert [one["id"] for one in memories] == [kept["memory"]["id"]]
    assert (memories[0]["text"], kept["output_type"]) == (kept["output"], "memory")
    assert "memory" not in shown | anyone
    assert 'Whose turn is it? ["Ada",7]' in task["output"]
    assert [one["id"] for one in (await ada("GET", "/agent-events")).json["items"]] == [task["task_id"]]
    assert (await ada("GET", "/conversations")).json["items"] == []  # a run is no conversation


async def test_prompt_chosen_for_a_space_stands_under_our_instructions_there(ada_anywhere, model):
    ada = ada_anywhere
    await ada("POST", "/prompts", {"name": "pirate", "text": "Talk like\n{x}a pirate.", "space": "todos"})
    await ada("POST", "/prompts", {"name": "poet", "text": "Rhyme."})

    systems: list[str] = []
    for space in ("todos", "tasks", "todos"):
        await ada("POST", "/spaces/switch", {"space": space})
        await ada("POST", "/messages/send", {"text": f"what now in {space} {len(systems)}", "slot": 1})
        systems.append(model.prompts[-1].messages[0].text)
        await ada("PATCH", "/prompts/poet", {"space": "todos"})
    chat = {"model": "omi-todos", "messages": [{"role": "user", "content": "hi"}]}
    await ada("POST", "/v1/chat/completions", chat)

    assert [("pirate" in one, "Rhyme." in one) for one in systems] == [(True, False), (False, False), (False, True)]
    assert systems[0].startswith("You are Omi")
    assert systems[0].endswith("Talk like a pirate.")
    assert model.prompts[-1].messages[0].text.endswith("Rhyme.")
    spaces = {one["name"]: one["space"] for one in (await ada("GET", "/prompts")).json["items"]}
    assert (spaces["pirate"], spaces["poet"]) == (None, "todos")
    assert (await ada("PATCH", "/prompts/poet", {"space": None})).json["prompt"]["space"] is None


async def test_odd_requests_about_prompts_get_a_clear_answer(ada, model):
    await ada("POST", "/prompts", {"name": "one", "text": "x"})
    await ada("POST", "/prompts", {"name": "two", "text": "x"})
    deep: Any = "x"
    for _ in range(80):
        deep = [deep]
    bad: list[tuple[str, str, Any, int, str]] = [
        ("POST", "/prompts/run", {}, 400, "prompt_id is required"),
        ("POST", "/prompts/run", {"promptId": "none"}, 400, "Prompt config not found: none"),
        ("POST", "/prompts/run", {"prompt_id": "../x"}, 400, "Prompt config not found: ../x"),
        ("POST", "/prompts/run", {"prompt_id": 7}, 400, "`prompt_id`"),
        ("POST", "/prompts/run", {"prompt_id": "one", "variables": []}, 400, "`variables`"),
        ("POST", "/prompts/run", {"prompt_id": "one", "variables": {"x": deep}}, 400, "`variables`"),
        ("POST", "/prompts/run", {"prompt_id": "one", "version": 9}, 400, "`version`"),
        ("POST", "/prompts/try", {"text": " "}, 400, "text is required"),
        ("POST", "/prompts", {"name": "x"}, 400, "name and text are required"),
        ("POST", "/prompts", {"name": "A b", "text": "x"}, 400, "`name`"),
        ("POST", "/prompts", {"name": "run", "text": "x"}, 400, "`name`"),
        ("POST", "/prompts", {"name": "x", "text": "x" * 4_001}, 400, "`text`"),
        ("POST", "/prompts", {"name": "x", "text": "x", "output_type": "email"}, 400, "`output_type`"),
        ("POST", "/prompts", {"name": "x", "text": "x", "space": "moon"}, 400, "`space`"),
        ("POST", "/prompts", {"name": "one", "text": "x"}, 409, "of this name"),
        ("PATCH", "/prompts/two", {"name": "one"}, 409, "of this name"),
        ("PATCH", "/prompts/two", {"version": 7}, 400, "`version` 7"),
        ("PUT", "/prompts/two", {"name": "two"}, 400, "name and text are required"),
        ("PATCH", "/prompts/house", {"text": "mine"}, 404, "Prompt not found"),
        ("DELETE", "/prompts/house", None, 404, "Prompt not found"),
        ("GET", "/prompts/none/versions", None, 404, "Prompt not found"),
    ]
    for method, path, form, status, text in bad:
        reply = await ada(method, path, form)
        assert (reply.status, text in reply.json["error"]) == (status, True), (method, path, form, reply)
    model.is_broken = True
    reply = await ada("POST", "/prompts/run", {"prompt_id": "one"})
    assert (reply.status, reply.json["code"]) == (502, "no_answer")
    for number in range(MAX_VERSIONS + 2):
        await ada("PATCH", "/prompts/two", {"text": f"text {number}"})
    versions = (await ada("GET", "/prompts/two/versions")).json["items"]
    assert [one["number"] for one in versions] == [*range(MAX_VERSIONS + 3, 3, -1)]


def test_values_are_filled_in_once_and_missing_ones_are_left_out():
    assert fill("{a} {b} {a} { c } {}", {"a": "{b}", "b": "x"}) == "{b} x {b} { c } {}"
    assert fill("{a}!", {}) == "!"
    assert Draft(text="{b} {a} {b}").variables == ("b", "a")


@pytest.mark.parametrize(
    "text", ["text = 7", 'text = ""', 'text = "x"\nkind = "y"', 'text = "x"\noutput_type = "email"', "text = ", "\xff"]
)
def test_operators_prompt_that_is_wrong_ends_the_start_and_is_named(text, tmp_path):
    (tmp_path / "mine.toml").write_bytes(text.encode("latin-1"))

    with pytest.raises(SettingsError, match=r"mine\.toml"):
        load_prompts(tmp_path)


def test_operators_folder_that_is_missing_ends_the_start(tmp_path):
    with pytest.raises(SettingsError, match="PROMPTS_DIR"):
        load_prompts(tmp_path / "none")
