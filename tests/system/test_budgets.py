"""Who has asked enough hears one honest sentence; the operator sees it; nothing is dropped without a word."""

import pytest

from tests.fakes.openai_server import FakeOpenAI
from tests.system.conftest import ADMIN, stop
from tests.system.test_model import QUESTION, fake, serve  # noqa: F401 (fixtures)

TOO_FAST = "I can't answer that many questions in one minute."


async def ask(program, count=1, uid="ada", first=0):
    """Ask one question after the other; return what was heard."""
    said = [
        await program.say(f"Hey Omi, how far is star number {n}?", uid=uid, sid=f"s{n}", start=10.0 * n + 1)
        for n in range(first, first + count)
    ]
    return [reply.json["message"] for reply in said]


async def budget_check(program):
    return (await program.connection.request("GET", "/health", b"", ADMIN)).json["checks"]["budget"]


async def test_wearer_who_asks_too_fast_is_told_so_and_nobody_else(serve):  # noqa: F811
    program = await serve(MODEL_USER_REQUESTS_PER_MINUTE="2")
    refusals = await program.metric('omi_budget_refusals_total{period="minute",whose="owner"}')

    heard = await ask(program, 3)

    # A minute of the clock may begin in between; then all are answered, and the next ones are not.
    if TOO_FAST not in heard:
        heard = await ask(program, 3, first=3)
    assert heard[-1] == TOO_FAST
    assert (await ask(program, uid="bob"))[0].startswith("You asked: ")
    check = await budget_check(program)
    assert (check["status"], "owner/minute" in check["note"]) == ("warn", True)
    assert await program.metric('omi_budget_refusals_total{period="minute",whose="owner"}') > refusals


@pytest.mark.parametrize("tokens", [0, 50])
async def test_days_tokens_are_kept_across_a_restart_and_refused_in_the_questions_language(
    serve,  # noqa: F811
    fake: FakeOpenAI,  # noqa: F811
    database_url,
    tokens,
):
    fake.tokens = tokens
    settings = {"MODEL_USER_TOKENS_PER_DAY": "30", "DATABASE_URL": database_url}
    program = await serve(**settings)
    first = await program.say(QUESTION)
    await stop(program)
    program = await serve(**settings)

    second = await program.say("Hey Omi, wie weit ist der Mond entfernt?", sid="s2", start=9.0)

    assert first.json["message"].startswith("You asked: ")
    assert second.json["message"] == (
        "Heute kann ich nicht mehr antworten: Dein Anteil an meinem Sprachmodell ist aufgebraucht."
    )
    assert len(fake.calls) == 1
    used = (await budget_check(program))["used"]["tokens_today"]
    assert used == tokens if tokens else used > 30


async def test_budget_of_all_holds_for_everybody(serve):  # noqa: F811
    program = await serve(MODEL_TOKENS_PER_DAY="1")

    heard = [*await ask(program, uid="ada"), *await ask(program, uid="bob")]

    assert heard[0].startswith("You asked: ")
    assert heard[1] == "I can't answer any more today: my service has used up its share of the language model."


async def test_without_limits_nobody_is_refused(serve):  # noqa: F811
    names = ("USER_REQUESTS_PER_MINUTE", "USER_TOKENS_PER_DAY", "REQUESTS_PER_MINUTE", "TOKENS_PER_DAY")
    program = await serve(**{f"MODEL_{name}": "0" for name in names})

    assert all(text.startswith("You asked: ") for text in await ask(program, 5))
    assert (await budget_check(program))["status"] == "pass"
