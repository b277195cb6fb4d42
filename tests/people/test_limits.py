"""Limits of signed-in persons: they count for each account, since several live behind one address."""

from tests.people.conftest import Client

# What one phone asks for in a minute while the app is open, as the app does.
POLLS = ("/conversations/current", "/windows")
A_MINUTE = 34


async def test_five_phones_behind_one_address_poll_without_being_refused(start, database_url):
    program = await start(database_url, RATE_LIMIT_MAX_REQUESTS=str(A_MINUTE + 6))
    phones = [Client(program.connection) for _ in range(5)]
    for number, phone in enumerate(phones):
        await phone.register(f"p{number}@example.com")

    replies = [
        (await phone("GET", POLLS[number % len(POLLS)])).status for number in range(A_MINUTE) for phone in phones
    ]

    assert replies == [200] * (5 * A_MINUTE)
    greedy = [(await phones[0]("GET", "/windows")).status for _ in range(10)]
    assert greedy == [200] * 6 + [429] * 4
    assert (await phones[1]("GET", "/windows")).status == 200
