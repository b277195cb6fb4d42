"""What each of Omi's real-time samples leads to, as their index says: who is answered, once, and who is not."""

import pytest

from tests.system.conftest import eventually
from tests.system.test_samples import INDEX, UIDS, send

ADA, IVAN = UIDS
# The samples that belong together, whose wearable they are, and the questions that are answered.
BEHAVIOUR = {
    "one segment": (["01"], ADA, ["what's the capital of Australia?"]),
    "nobody addresses the app": (["02"], ADA, []),
    "longer version of a segment": (["03a", "03b"], ADA, ["remind me who wrote The Master and Margarita."]),
    "wake phrase over two segments": (["04"], ADA, ["how long do I boil an egg for a runny yolk?"]),
    "wake phrase over two webhooks": (["05a", "05b"], ADA, ["Is it going to rain in Lisbon on Saturday"]),
    "other scripts": (["06"], IVAN, ["во сколько закрывается музей?"]),
    "blank pieces": (["07a", "07b"], ADA, []),
    "bare array": (["08"], ADA, ["how many weeks are left until the first of December?"]),
    "a new conversation": (["09"], ADA, ["what did I ask you before lunch?"]),
    "words that hold the name": (["10"], ADA, []),
    "a backlog": (["11"], ADA, ["what is forty thousand euros in dollars roughly?"]),
}


def sample(number):
    return next(one for one in INDEX if one["file"].startswith(f"{number}_"))


def test_every_real_time_sample_has_its_behaviour_here():
    numbers = {one["file"].partition("_")[0] for one in INDEX if one["kind"] == "realtime_transcript"}

    assert {number for numbers_, _, _ in BEHAVIOUR.values() for number in numbers_} == numbers


@pytest.mark.parametrize(("numbers", "uid", "questions"), BEHAVIOUR.values(), ids=BEHAVIOUR)
async def test_samples_are_answered_as_their_index_says(start, numbers, uid, questions):
    program = await start()
    for number in numbers:
        assert (await send(program, sample(number))).status == 200

    # Much later in the recording: whatever was open before has ended.
    await program.say("Hey Omi, what else?", uid, "last", 5_000.0)

    async def is_all_answered():
        roles = [message["role"] for message in (await program.transcript(uid))["messages"]]
        return roles.count("assistant") == roles.count("user")

    await eventually(is_all_answered)
    said = (await program.transcript(uid))["messages"]
    assert [message["text"] for message in said if message["role"] == "user"] == [*questions, "what else?"]
    assert len({message["jobId"] for message in said}) * 2 == len(said)


async def test_question_without_an_end_is_answered_after_a_pause_in_the_next_reply(start):
    program = await start(QUESTION_PAUSE_MS="200")
    replies = [await send(program, sample(number)) for number in ("05a", "05b")]
    later = await program.speak_on(ADA)

    assert [reply.json for reply in replies] == [{}, {}]
    assert later.startswith("[demo] You asked: Is it going to rain in Lisbon on Saturday")
