"""What is being spoken while the program ends is not lost with it."""

from tests.system.conftest import stop


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
