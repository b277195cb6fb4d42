"""Mailboxes: bounded, closable, never blocking, in order."""

import sys
import threading

import pytest

from omi_actors.kit.errors import MailboxFullError
from omi_actors.kit.mailbox import Mailbox, Refusal
from omi_actors.kit.messages import Control, Envelope
from tests.kit.support import WAIT_S


def test_full_mailbox_is_an_error_that_a_later_try_may_not_get():
    assert MailboxFullError("full").retryable


class Reader:
    def __init__(self, mailbox):
        self.mailbox = mailbox
        self.wakes = 0
        mailbox.attach(self)

    def wake_up(self):
        self.wakes += 1

    def read(self):
        envelope = self.mailbox.take(self)
        return envelope and envelope.message


def test_mail_is_taken_in_order_also_when_there_is_much():
    mailbox = Mailbox(1000)
    reader = Reader(mailbox)
    for number in range(100):
        mailbox.offer(Envelope(number))
    assert seen_next(mailbox) == 0
    taken = [reader.read() for _ in range(50)]
    mailbox.offer(Envelope(100))
    assert seen_next(mailbox) == 50

    taken += [reader.read() for _ in range(51)]

    assert taken == list(range(101))
    assert mailbox.peek() is None


def seen_next(mailbox):
    """Return the next message, which stays."""
    count = len(mailbox)
    envelope = mailbox.peek()
    assert len(mailbox) == count
    return envelope.message


def test_a_full_mailbox_refuses_at_once_and_takes_again_when_read():
    mailbox = Mailbox(2)
    reader = Reader(mailbox)
    mailbox.offer(Envelope(1))
    mailbox.offer(Envelope(2))

    assert mailbox.offer(Envelope(3)) is Refusal.FULL
    reader.read()
    assert mailbox.offer(Envelope(4)) is None


def test_a_full_mailbox_admits_control_mail_and_what_must_not_get_lost():
    mailbox = Mailbox(1)
    mailbox.offer(Envelope(1))

    assert mailbox.offer(Envelope(Control())) is None
    assert mailbox.offer(Envelope("deadline"), always=True) is None
    assert mailbox.offer(Envelope(2)) is Refusal.FULL


def test_an_empty_mailbox_wakes_its_reader_once_for_a_burst():
    mailbox = Mailbox(10)
    reader = Reader(mailbox)
    assert reader.read() is None

    mailbox.offer(Envelope(1))
    mailbox.offer(Envelope(2))

    assert reader.wakes == 1


def test_a_closed_mailbox_refuses_but_is_read_to_its_end():
    mailbox = Mailbox(10)
    reader = Reader(mailbox)
    mailbox.offer(Envelope(1))

    mailbox.close(Refusal.STOPPED)

    assert mailbox.offer(Envelope(2)) is Refusal.STOPPED
    assert not mailbox.is_finished
    assert reader.read() == 1
    assert mailbox.is_finished


def test_closing_wakes_the_reader():
    mailbox = Mailbox(10)
    reader = Reader(mailbox)
    reader.read()

    mailbox.close(Refusal.STOPPED)

    assert reader.wakes == 1


def test_what_is_left_can_be_taken_out_and_the_mailbox_reopened():
    mailbox = Mailbox(10)
    mailbox.offer(Envelope(1))
    mailbox.close(Refusal.QUARANTINED)

    left = mailbox.clear()
    mailbox.reopen()

    assert [envelope.message for envelope in left] == [1]
    assert mailbox.offer(Envelope(2)) is None


def test_it_closes_only_when_empty_if_so_asked():
    mailbox = Mailbox(10)
    mailbox.offer(Envelope(1))
    assert not mailbox.close_if_empty(Refusal.STOPPED)
    mailbox.clear()

    assert mailbox.close_if_empty(Refusal.STOPPED)
    assert mailbox.offer(Envelope(2)) is Refusal.STOPPED


def test_an_earlier_owner_gets_nothing_any_more():
    mailbox = Mailbox(10)
    zombie = Reader(mailbox)
    current = Reader(mailbox)
    mailbox.offer(Envelope(1))

    assert zombie.read() is None
    assert mailbox.take_many(zombie, 10) == []
    assert current.read() == 1


def test_a_batch_is_everything_that_waits_up_to_its_limit():
    mailbox = Mailbox(100)
    reader = Reader(mailbox)
    for number in range(40):
        mailbox.offer(Envelope(number))

    batches = [[envelope.message for envelope in mailbox.take_many(reader, 25)] for _ in range(3)]

    assert batches == [list(range(25)), list(range(25, 40)), []]


def test_arming_a_mailbox_with_mail_wakes_at_once():
    mailbox = Mailbox(10)
    mailbox.offer(Envelope(1))
    sleeper = Reader(Mailbox(1))

    mailbox.arm(sleeper)

    assert sleeper.wakes == 1


class MailJustAfterTheLook(list[Envelope]):
    """Empty when looked at, and then not any more: what another thread can do between two steps."""

    looks = 0

    def __len__(self):
        self.looks += 1
        if self.looks == 1:
            self.append(Envelope("raced"))
            return 0
        return super().__len__()


def test_mail_that_comes_while_the_reader_falls_asleep_is_seen():
    mailbox = Mailbox(10)
    reader = Reader(mailbox)
    mailbox._new = MailJustAfterTheLook()

    assert reader.read() == "raced"


class RetiredJustBeforeTheAppend(list[Envelope]):
    """Its mailbox closes and is emptied between the sender's look and its append."""

    def __init__(self, mailbox):
        super().__init__()
        self.mailbox = mailbox

    def append(self, envelope):
        self.mailbox.close(Refusal.STOPPED)
        self.mailbox.clear()
        super().append(envelope)


def test_mail_that_comes_while_the_mailbox_retires_is_refused_and_not_left_behind():
    mailbox = Mailbox(10)
    mailbox._new = RetiredJustBeforeTheAppend(mailbox)

    assert mailbox.offer(Envelope("late")) is Refusal.STOPPED
    assert len(mailbox) == 0


class ReopenedJustAfterTheWithdrawal(RetiredJustBeforeTheAppend):
    """As above, and taken into use again before the sender has left."""

    def remove(self, envelope):
        super().remove(envelope)
        self.mailbox.reopen()


def test_mail_that_was_withdrawn_is_never_reported_as_taken():
    mailbox = Mailbox(10)
    mailbox._new = ReopenedJustAfterTheWithdrawal(mailbox)

    assert mailbox.offer(Envelope("late")) is Refusal.STOPPED


def test_a_sender_that_saw_the_earlier_owner_asleep_wakes_the_current_one_too():
    mailbox = Mailbox(10)
    earlier = Reader(mailbox)
    earlier.read()
    current = Reader(mailbox)
    mailbox._sleeper = earlier  # what a thread holds that was overtaken by the change

    mailbox.offer(Envelope("mail"))

    assert current.wakes == 1


class ThreadReader:
    """Reads until the mailbox is finished, sleeping in between."""

    def __init__(self, mailbox):
        self.mailbox = mailbox
        self.event = threading.Event()
        self.seen = []
        mailbox.attach(self)

    def wake_up(self):
        self.event.set()

    def run(self):
        while True:
            self.event.clear()
            batch = self.mailbox.take_many(self, 7)
            self.seen += [envelope.message for envelope in batch]
            if not batch:
                if self.mailbox.is_finished:
                    return
                assert self.event.wait(WAIT_S), "slept through mail"


def send_until_refused(mailbox, sender, accepted, started):
    for number in range(2000):
        if mailbox.offer(Envelope((sender, number))) is not None:
            return
        accepted.append((sender, number))
        if number == 20:
            started.set()


@pytest.mark.threads
def test_no_message_is_lost_doubled_or_slept_through_when_senders_race_a_close():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(10):
            mailbox, started = Mailbox(10**6), threading.Event()
            reader = ThreadReader(mailbox)
            accepted: list[list[tuple[int, int]]] = [[], []]
            threads = [
                threading.Thread(target=send_until_refused, args=(mailbox, sender, accepted[sender], started))
                for sender in range(2)
            ]
            threads.append(threading.Thread(target=reader.run))
            for thread in threads:
                thread.start()
            started.wait(WAIT_S)
            mailbox.close(Refusal.STOPPED)
            for thread in threads:
                thread.join(WAIT_S)

            seen = reader.seen + [envelope.message for envelope in mailbox.clear()]
            assert [message for message in seen if message[0] == 0] == accepted[0]
            assert [message for message in seen if message[0] == 1] == accepted[1]
    finally:
        sys.setswitchinterval(interval)
