"""What waits for the reader of an event stream."""

from omi_actors.domain.people.conversations import Position
from omi_actors.domain.sessions.records import StoredMessage
from web.feeds import FeedEvent, Reader


def message(number):
    said = {"conversation_id": "c1", "role": "user", "kind": "question", "source": "frontend", "model": ""}
    return StoredMessage(**said, message_id=f"m{number}", text="hi", created_at=float(number))


def news(*numbers):
    return FeedEvent(Position(float(numbers[-1]), f"m{numbers[-1]}"), tuple(map(message, numbers)))


async def test_news_during_the_greeting_follows_it_without_what_it_has():
    reader = Reader()
    reader.add(news(1, 2))
    reader.add(news(3))
    changed = FeedEvent(Position(3.0, "m3"), conversation_id="c2")
    reader.add(changed)

    reader.greet(FeedEvent(Position(0.0, "")), news(1, 3))

    events = await reader.wait(0.0)
    assert [[one.message_id for one in event.messages] for event in events] == [[], ["m1", "m3"], ["m2"], []]
    assert events[-1] == changed


async def test_stream_of_a_reader_that_is_too_slow_ends():
    reader = Reader()
    reader.greet()
    ended = []
    for number in range(1, 102):
        reader.add(news(number))
        ended.append(reader.is_ended)

    assert ended == [False] * 100 + [True]
    assert await reader.wait(0.0) == ()


async def test_news_after_the_end_of_a_sign_in_is_not_sent():
    reader = Reader()
    reader.greet()
    reader.end()
    reader.add(news(1))

    assert await reader.wait(0.0) == ()
