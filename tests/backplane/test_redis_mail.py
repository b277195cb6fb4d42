"""Mail in Redis's protocol: however the bytes are cut, each message arrives whole."""

import pytest

from omi_actors.backplane.redis_mail import MailParser, build_publish

CONTENTS = [b"", b"one", b"*3\r\n$7\r\nmessage\r\n", bytes(range(256)) * 40]


def received(content, mailbox=b"omi:node:a", kind=b"message"):
    parts = (kind, mailbox, content)
    return b"*3\r\n" + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


@pytest.mark.parametrize("size", [1, 7, 100, 1_000_000])
def test_messages_arrive_whole_in_pieces_of_any_size(size):
    stream, parser = b"".join(map(received, CONTENTS)), MailParser()
    found: list[bytes] = []

    for start in range(0, len(stream), size):
        found += parser.feed(stream[start : start + size])

    assert found == CONTENTS


def test_other_messages_of_a_subscription_are_passed_over():
    stream = received(b"x", kind=b"pmessage") + received(b"y")

    assert list(MailParser().feed(stream)) == [b"y"]


@pytest.mark.parametrize("stream", [b"-NOAUTH\r\n", b"*1\r\n:1\r\n", b"*x\r\n"])
def test_what_is_no_message_is_refused(stream):
    with pytest.raises(ValueError):  # noqa: PT011 (int's own words for the last one)
        list(MailParser().feed(stream))


def test_command_that_publishes_has_its_lengths_in_bytes():
    assert build_publish("omi:node:ä", b"\r\n") == b"*3\r\n$7\r\nPUBLISH\r\n$11\r\nomi:node:\xc3\xa4\r\n$2\r\n\r\n\r\n"
