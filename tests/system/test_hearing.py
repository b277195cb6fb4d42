"""What is being spoken while the program ends is not lost with it; nothing is a question where hearing is off."""

import pytest

from tests.system.conftest import ADMIN, stop


async def test_question_that_was_being_spoken_when_the_program_ended_is_answered_by_the_next(start, database_url):
    first = await start(database_url, QUESTION_PAUSE_MS="300")
    await first.say("Hey Omi, remind me how far the moon is")
    await stop(first)

    second = await start(database_url, QUESTION_PAUSE_MS="300")

    assert (await second.speak_on()).startswith("[demo] You asked: remind me how far the moon is")


async def test_wearer_goes_on_with_a_question_after_a_restart(start):
    first = await start()
    await first.say("Hey Omi, remind me how far")
    await stop(first)

    second = await start()
    reply = await second.say("the moon is.", sid="s2", start=2.5)

    assert reply.json["message"].startswith("[demo] You asked: remind me how far the moon is.")


@pytest.mark.parametrize("mode", ["TRIGGER", "FOLLOWUP", "ALWAYS"])
async def test_speech_is_kept_and_wakes_nothing_when_switched_off(start, mode):
    first = await start(QUESTION_PAUSE_MS="300")
    await first.say("Hey Omi, remind me how far the moon is")  # still open when the program ends
    await stop(first)
    off = {"ENABLE_CONTEXT_ACTIVATION": "off", "DEFAULT_LISTEN_MODE": mode, "QUESTION_PAUSE_MS": "300"}

    second = await start(**off)
    replies = [await second.say(f"Hey Omi, how far is star {n}?", sid=f"n{n}", start=10.0 + n) for n in range(3)]

    assert [reply.json for reply in replies] == [{}, {}, {}]
    assert await second.job_kinds() == []
    assert (await second.system.queue_status())["featureFlags"]["ENABLE_CONTEXT_ACTIVATION"] is False
    assert (await second.texts())[1:] == [f"Hey Omi, how far is star {n}?" for n in range(3)]
    typed = await second.connection.request("POST", "/chat", b'{"message": "How far?"}', ADMIN)
    assert typed.json["response"].startswith("[demo]")
