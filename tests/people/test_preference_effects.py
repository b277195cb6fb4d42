"""Effects of preferences on a linked wearable and on typed messages, in a whole program, on each database."""

import datetime as dt
from dataclasses import dataclass, field
from itertools import count
from zoneinfo import ZoneInfo

import pytest

from omi_actors.clients.model import DemoModel, ModelAnswer
from omi_actors.domain.people.linking import digest_of_code
from omi_actors.errors import UpstreamRejectedError
from omi_actors.store.people import linking
from tests.people.conftest import Client
from tests.system.conftest import Running

UID = "wearer-1"


class RememberingModel(DemoModel):
    """A model that keeps the prompts, and refuses what it is told to."""

    def __init__(self):
        super().__init__()
        self.prompts = []

    async def answer(self, prompt, **more) -> ModelAnswer:
        self.prompts.append(prompt)
        if "forbidden" in prompt.question:
            raise UpstreamRejectedError("no", code="refused")
        return await super().answer(prompt, **more)


@dataclass
class Wearer:
    """A person with a linked wearable."""

    program: Running
    client: Client
    model: RememberingModel
    account_id: str
    numbers: count = field(default_factory=lambda: count(1))  # type: ignore[type-arg]

    async def prefers(self, **form):
        reply = await self.client("PATCH", "/preferences", form)
        assert reply.status == 200, reply

    async def says(self, text, **more):
        """Say something; return the message of the reply, None for none."""
        number = next(self.numbers)
        reply = await self.program.say(text, UID, f"s{number}", 2.0 * number, **more)
        assert reply.status == 200, reply
        return reply.json.get("message")

    async def is_answered(self, text, **more):
        return await self.says(text, **more) is not None

    async def memories(self):
        return [one["text"] for one in (await self.client("GET", "/memories")).json["items"]]


@pytest.fixture
async def wearer(start, database_url):
    model = RememberingModel()
    program = await start(database_url, model=model)
    client = Client(program.connection)
    me = (await client.register())["user"]["id"]
    return Wearer(program, client, model, me)


async def link(wearer):
    """Link the wearable, as the confirmed code does."""
    store, digest = wearer.program.system.store, digest_of_code(wearer.account_id, UID, "1")
    await store.write_alone(linking.start_link, wearer.account_id, UID, code_digest=digest, now_s=0.0)
    await store.write_alone(
        linking.confirm_link, wearer.account_id, UID, code_digest=digest, undo_digest="u", now_s=0.0
    )


def around_now(zone):
    """Return an hour ago and in an hour, as quiet hours in a time zone."""
    now = dt.datetime.now(ZoneInfo(zone))  # noqa: TID251 (of a whole program with its own clock)
    hour = dt.timedelta(hours=1)
    return {"quietHoursStart": f"{now - hour:%H:%M}", "quietHoursEnd": f"{now + hour:%H:%M}", "timeZone": zone}


async def test_preferences_follow_the_link_of_the_wearable_at_once(wearer):
    await wearer.prefers(mute=True)
    assert await wearer.is_answered("Hey Omi, how far is the moon?")

    await link(wearer)
    assert not await wearer.is_answered("Hey Omi, how old is the sun?")

    assert (await wearer.client("DELETE", f"/link/omi/unlink/{UID}")).status == 200
    assert await wearer.is_answered("Hey Omi, who painted the ceiling?")


async def test_link_before_the_first_word_brings_the_preferences(wearer):
    await link(wearer)
    await wearer.prefers(mute=True)

    assert not await wearer.is_answered("Hey Omi, how old is the sun?")


async def test_preferences_decide_what_wakes_the_wearable(wearer):
    await link(wearer)
    assert not await wearer.is_answered("How far is the moon?")

    await wearer.prefers(listen_mode="ALWAYS")
    assert await wearer.is_answered("Where is the key of the shed?")

    await wearer.prefers(listen_mode="TRIGGER", wake_names="Zorro")
    assert not await wearer.is_answered("Hey Omi, who painted the ceiling?")
    assert await wearer.is_answered("Hey Zorro, what do bees eat in winter?")

    await wearer.prefers(activation_regex="listen (up")
    assert await wearer.is_answered("Hey Zorro, which bus goes to town?")
    await wearer.prefers(activation_regex="listen (up|now)")
    assert not await wearer.is_answered("Hey Zorro, when does the train leave?")
    assert await wearer.is_answered("so LISTEN now, how deep is the lake?")

    await wearer.prefers(activation_regex="", wake_names="", activation_sensitivity=-1)
    assert not await wearer.is_answered("Omi, why is grass green?")
    await wearer.prefers(activation_sensitivity=2)
    assert await wearer.is_answered("I wonder if the Omi knows how tall that tower is?")

    await wearer.prefers(activation_sensitivity=0, wake_by="OWNER")
    assert not await wearer.is_answered("Hey Omi, whose coat is this?", speaker="SPEAKER_01", is_user=False)
    await wearer.prefers(wake_by="ANYONE")
    assert await wearer.is_answered("Hey Omi, what rhymes with orange?", speaker="SPEAKER_01", is_user=False)


async def test_in_quiet_hours_and_while_muted_speech_is_stored_and_nothing_is_answered(wearer):
    await link(wearer)

    for zone in ("UTC", "Asia/Kathmandu"):
        await wearer.prefers(**around_now(zone))
        assert not await wearer.is_answered(f"Hey Omi, how far is the moon from {zone}?")
    await wearer.prefers(quietHoursEnd="2")
    assert await wearer.is_answered("Hey Omi, how old is the sun?")
    await wearer.prefers(quietHoursStart="", mute=True)
    assert not await wearer.is_answered("Hey Omi, who painted the ceiling?")
    await wearer.prefers(mute=False)
    assert await wearer.is_answered("Hey Omi, what do bees eat?")

    texts = await wearer.program.texts(UID)
    assert len(texts) == 5
    assert len(wearer.model.prompts) == 2


async def test_meeting_is_not_answered_and_its_transcript_becomes_one_memory(wearer):
    await link(wearer)
    await wearer.prefers(meeting_transcribe=True)

    assert await wearer.says("Hey Omi, shall we begin?") is None
    assert await wearer.says("Ann takes the minutes.", speaker="SPEAKER_01", is_user=False) is None
    assert await wearer.memories() == []
    ended = await wearer.program.post({"session_id": UID, "segments": [], "end": True}, f"uid={UID}")
    assert ended.json == {"message": "Meeting transcribed and saved."}
    text = "SPEAKER_00: Hey Omi, shall we begin?\nSPEAKER_01: Ann takes the minutes."
    assert await wearer.memories() == [text]

    last = {"id": "z", "text": "Goodbye.", "speaker": "SPEAKER_01", "start": 9.0, "end": 10.0, "is_last_segment": True}
    assert (await wearer.program.post({"session_id": UID, "segments": [last]}, f"uid={UID}")).json == {}
    created = {"id": "c1", "discarded": True, "structured": {}, "transcript_segments": []}
    for _ in range(2):
        assert (await wearer.program.post(created, f"uid={UID}")).json == {}
    assert await wearer.memories() == [f"{text} Goodbye."]
    assert wearer.model.prompts == []


async def test_conversation_that_omi_has_created_ends_a_meeting_too(wearer):
    await link(wearer)
    await wearer.prefers(meeting_transcribe=True, language="de")
    await wearer.says("We meet at noon.")

    created = {"id": "c1", "discarded": True, "structured": {}, "transcript_segments": []}
    reply = await wearer.program.post(created, f"uid={UID}")

    assert reply.json == {"message": "Die Besprechung ist zu Ende. Ihr Wortlaut steht jetzt bei deinen Erinnerungen."}
    assert await wearer.memories() == ["SPEAKER_00: We meet at noon."]


async def test_without_meeting_mode_an_end_keeps_nothing(wearer):
    await link(wearer)
    await wearer.says("We meet at noon.")

    ended = await wearer.program.post({"session_id": UID, "segments": [], "is_final": True}, f"uid={UID}")

    assert ended.json == {}
    assert await wearer.memories() == []


async def test_language_memories_and_default_conversation_decide_how_is_answered(wearer):
    await link(wearer)
    await wearer.client("POST", "/memories", {"text": "The key of the shed hangs behind the clock."})
    await wearer.says("Hey Omi, where is the key of the shed?")
    first = "\n".join(message.text for message in wearer.model.prompts[-1].messages)
    assert "in the language of the question" in first
    assert "BEGIN MEMORIES" not in first

    await wearer.prefers(language="de", injectMemories=True)
    await wearer.says("Hey Omi, what hangs behind the clock of the shed?")
    second = "\n".join(message.text for message in wearer.model.prompts[-1].messages)
    assert "sentences, in German, without" in second
    assert "BEGIN MEMORIES" in second
    refused = await wearer.says("Hey Omi, what is forbidden here?")
    assert refused == "Darauf kann ich nicht antworten: Mein Sprachmodell hat die Frage abgelehnt."

    assert (await wearer.client("POST", "/messages/send", {"text": "how tall am I"})).status == 400
    (conversation,) = (await wearer.client("GET", "/conversations")).json["items"]
    await wearer.prefers(default_conversation_id=conversation["id"])
    sent = await wearer.client("POST", "/messages/send", {"text": "how tall am I"})
    assert (sent.status, sent.json["conversation_id"]) == (200, conversation["id"])
    assert "shortly, in German." in wearer.model.prompts[-1].messages[0].text
