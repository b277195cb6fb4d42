"""Every answer reaches its wearer by one way, whatever is late, refused, cut or crashed."""

import random

import pytest

from config.settings import load_settings
from omi_actors.actors.queue.messages import AnswerReady
from omi_actors.actors.session.actor import SessionActor
from omi_actors.actors.session.messages import ReplySent
from omi_actors.clients.model import DemoModel
from omi_actors.clock import ManualClock
from omi_actors.domain.answers.delivery_records import DeliveryChange
from omi_actors.kit.messages import Envelope
from omi_actors.parts import Parts
from omi_actors.store import answers
from omi_actors.system import System
from tests.canaries import ADMIN_TOKEN
from tests.fakes.omi_server import Mode
from tests.system.conftest import ADMIN, UID, eventually, stop
from tests.system.test_promises import GatedModel

QUESTION = "Hey Omi, how far is the moon?"
ANSWER = "answer to how far is the moon?"
LATE = {"WEBHOOK_REPLY_DEADLINE_MS": "100"}
AT_ONCE = LATE | {"NEXT_WEBHOOK_GRACE_MS": "0"}

UNCLEAR = 'omi_deliveries_total{channel="notify",state="unknown"}'
TAKEN = 'omi_notifications_total{outcome="taken"}'


async def ask_late(program, model):
    """Ask a question whose answer comes after the deadline."""
    assert (await program.say(QUESTION)).json == {}
    model.gate.set()
    await eventually(program.has_answered)


async def hear_more(program, count=3):
    """Return what the next webhooks are answered."""
    return [(await program.say("and so on", sid=f"n{n}", start=10.0 + n)).json.get("message") for n in range(count)]


async def hear_all(program, count=3):
    """Return what the next webhooks bring, whichever does: a session is told a moment after the store."""
    return [text for text in await hear_more(program, count) if text]


async def standing(program):
    """Return where the deliveries stand."""
    return await program.system._tree.store.read(lambda tx: tx.fetch("SELECT state, channel FROM delivery"))


def stands(program, state, channel):
    async def does_stand():
        return [tuple(row) for row in await standing(program)] == [(state, channel)]

    return does_stand


async def test_late_answer_is_in_the_next_reply_and_in_no_other(start, database_url, omi, notifier):
    model = GatedModel()
    program = await start(database_url, model=model, notifier=notifier, **LATE)
    await ask_late(program, model)

    assert await program.speak_on() == ANSWER
    assert await hear_more(program) == [None, None, None]

    await eventually(stands(program, "sent", "next_webhook"))
    assert omi.calls == 0


async def test_late_answer_is_notified_once_when_nobody_speaks(start, database_url, omi, notifier):
    model = GatedModel()
    program = await start(database_url, model=model, notifier=notifier, **AT_ONCE)
    await ask_late(program, model)

    await eventually(stands(program, "sent", "notify"))

    assert omi.texts_of(UID) == [ANSWER]
    assert await hear_more(program) == [None, None, None]
    assert omi.calls == 1


async def test_late_answer_without_a_key_waits_for_the_next_contact(start, database_url):
    model = GatedModel()
    program = await start(database_url, model=model, **AT_ONCE)
    await ask_late(program, model)
    await eventually(stands(program, "kept", ""))

    assert await hear_more(program) == [ANSWER, None, None]


async def test_late_answer_is_no_job_without_the_background_queue(start, omi, notifier):
    model = GatedModel()
    program = await start(model=model, notifier=notifier, ENABLE_BACKGROUND_QUEUE="off", **AT_ONCE)
    await ask_late(program, model)
    await eventually(stands(program, "kept", ""))

    assert await hear_more(program) == [ANSWER, None, None]
    assert await program.job_kinds() == ["answer"]
    assert "ENABLE_BACKGROUND_QUEUE is off" in program.system.health()["checks"]["notifications"]["note"]
    assert omi.calls == 0


@pytest.mark.parametrize(("mode", "per_hour"), [(Mode.NOT_ENABLED, 10), (Mode.NORMAL, 0)])
async def test_answer_that_omi_does_not_take_waits_for_the_next_contact(start, omi, notifier, mode, per_hour):
    omi.mode, omi.per_hour = mode, per_hour
    model = GatedModel()
    program = await start(model=model, notifier=notifier, **AT_ONCE)
    await ask_late(program, model)
    await eventually(stands(program, "kept", ""))

    assert await hear_all(program) == [ANSWER]
    assert omi.calls == 1


@pytest.mark.parametrize("mode", [Mode.CUT, Mode.SERVER_ERROR])
async def test_notification_with_an_unclear_end_is_repeated_by_a_reply_only(start, database_url, omi, notifier, mode):
    omi.mode = mode
    model = GatedModel()
    program = await start(database_url, model=model, notifier=notifier, **AT_ONCE)
    before = await program.metric(UNCLEAR)
    await ask_late(program, model)
    await eventually(stands(program, "unknown", "notify"))

    assert await hear_all(program) == [f"Again: {ANSWER}"]

    assert omi.texts_of(UID) == [ANSWER]
    assert await program.metric(UNCLEAR) == before + 1


async def test_notification_that_omi_is_not_there_for_is_tried_again(start, omi, notifier):
    url, notifier._url = notifier._url, "http://127.0.0.1:1"
    model = GatedModel()
    program = await start(model=model, notifier=notifier, **AT_ONCE)
    await ask_late(program, model)

    async def has_failed():
        return await program.metric('omi_notifications_total{outcome="unreachable"}') > 0

    await eventually(has_failed)
    notifier._url = url
    await eventually(stands(program, "sent", "notify"))

    assert omi.texts_of(UID) == [ANSWER]


UNREACHABLE = "http://127.0.0.1:1"


async def fail_to_notify(program, notifier, model):
    """Let Omi's API be away for the first notification; return once its breaker is open and its outcome noted."""
    notifier._url = UNREACHABLE
    await ask_late(program, model)

    async def is_open():
        check = await notifications_check(program)
        return (check["breaker"], check.get("last_outcome")) == ("open", "unreachable")

    await eventually(is_open)


async def notifications_check(program):
    return (await program.connection.request("GET", "/health", b"", ADMIN)).json["checks"]["notifications"]


async def test_notification_waits_for_the_breaker_and_costs_no_attempt(start, database_url, omi, notifier):
    url, model = notifier._url, GatedModel()
    program = await start(
        database_url, model=model, notifier=notifier, OMI_BREAKER_FAILURES="1", OMI_BREAKER_PAUSE_MS="2000", **AT_ONCE
    )
    await fail_to_notify(program, notifier, model)
    check = await notifications_check(program)
    notifier._url = url

    await eventually(stands(program, "sent", "notify"))

    assert (check["status"], check["last_outcome"]) == ("warn", "unreachable")
    assert omi.texts_of(UID) == [ANSWER]
    attempts = await program.system._tree.store.read(
        lambda tx: tx.fetch("SELECT attempts FROM job WHERE kind = 'notify'")
    )
    assert [tuple(row) for row in attempts] == [(2,)]

    async def is_well():
        after = await notifications_check(program)
        return (after["status"], after["breaker"]) == ("pass", "closed")

    await eventually(is_well)


async def test_answer_rides_on_the_next_reply_while_its_notification_waits(start, omi, notifier):
    url, model = notifier._url, GatedModel()
    program = await start(
        model=model, notifier=notifier, OMI_BREAKER_FAILURES="1", OMI_BREAKER_PAUSE_MS="30000", **AT_ONCE
    )
    await fail_to_notify(program, notifier, model)
    notifier._url = url
    await eventually(stands(program, "pending", "notify"))

    assert await hear_more(program) == [ANSWER, None, None]

    await eventually(stands(program, "sent", "next_webhook"))
    assert omi.calls == 0


async def test_answer_that_would_wait_long_for_the_breaker_is_kept_for_the_next_contact(start, omi, notifier):
    model = GatedModel()
    program = await start(
        model=model,
        notifier=notifier,
        OMI_BREAKER_FAILURES="1",
        OMI_BREAKER_PAUSE_MS="3600000",
        OMI_BREAKER_PAUSE_CAP_MS="3600000",
        **AT_ONCE,
    )
    set_aside = 'omi_notifications_total{outcome="set_aside"}'
    before = await program.metric(set_aside)
    await fail_to_notify(program, notifier, model)
    await eventually(stands(program, "kept", ""))

    assert await hear_all(program) == [ANSWER]
    assert await program.metric(set_aside) == before + 1


async def test_stop_in_the_middle_of_a_notification_leaves_it_unknown(start, database_url, omi, notifier):
    omi.mode = Mode.HANG
    model = GatedModel()
    program = await start(database_url, model=model, notifier=notifier, **AT_ONCE)
    unclear, taken = await program.metric(UNCLEAR), await program.metric(TAKEN)
    await ask_late(program, model)
    await omi.called.wait()
    await stop(program, grace_s=0.0)

    omi.mode = Mode.NORMAL
    program = await start(database_url, model=model, notifier=notifier, **AT_ONCE)

    async def is_job_over():
        return await program.metric(TAKEN) == taken + 1

    assert await hear_more(program) == [f"Again: {ANSWER}", None, None]
    await eventually(is_job_over)
    assert omi.calls == 1
    assert await program.metric(UNCLEAR) == unclear + 1


async def test_reply_that_a_crash_cut_is_repeated_and_marked(start, database_url, omi, notifier):
    model = GatedModel()
    program = await start(database_url, model=model, notifier=notifier, **LATE)
    await ask_late(program, model)
    ((delivery_id,),) = await program.system._tree.store.read(lambda tx: tx.fetch("SELECT id FROM delivery"))
    cut = DeliveryChange(
        delivery_id=delivery_id, from_states=("pending",), state="sending", channel="inline", changed_at=0.0
    )
    assert await program.system._tree.store.write(answers.change_delivery, cut)
    await stop(program)

    program = await start(database_url, model=model, notifier=notifier, **AT_ONCE)

    assert await hear_more(program) == [f"Again: {ANSWER}", None, None]
    assert omi.calls == 0


async def test_answer_finds_a_session_that_has_left_memory(start, omi, notifier):
    model = GatedModel()
    program = await start(model=model, notifier=notifier, SESSION_IDLE_S="1", **AT_ONCE)
    live_sessions = program.system._tree.live_sessions
    await program.say(QUESTION)

    async def has_left():
        return not live_sessions.by_key

    await eventually(has_left)
    model.gate.set()
    await eventually(stands(program, "sent", "notify"))

    assert omi.texts_of(UID) == [ANSWER]


class ForgetfulSession(SessionActor):
    """Crashes over the first answers that it is told of."""

    crashes = 0

    def receive(self, message):
        if isinstance(message, AnswerReady) and ForgetfulSession.crashes < 1:
            ForgetfulSession.crashes += 1
            raise RuntimeError("as told")
        return super().receive(message)


async def test_answer_whose_message_died_with_its_session_is_found_again(start, omi, notifier):
    ForgetfulSession.crashes = 0
    model = GatedModel()
    program = await start(model=model, notifier=notifier, build_session=ForgetfulSession, **AT_ONCE)
    await ask_late(program, model)

    await eventually(stands(program, "sent", "notify"))

    assert omi.texts_of(UID) == [ANSWER]


async def test_answer_of_an_earlier_process_is_given_by_the_next(start, database_url, omi, notifier):
    model = GatedModel()
    program = await start(database_url, model=model, **LATE, NEXT_WEBHOOK_GRACE_MS="60000", notifier=notifier)
    await ask_late(program, model)
    await stop(program)

    program = await start(database_url, model=model, notifier=notifier, **AT_ONCE)
    await eventually(stands(program, "sent", "notify"))

    assert omi.texts_of(UID) == [ANSWER]


def test_a_full_router_takes_the_end_of_a_reply(tmp_path):
    settings = load_settings(overrides={"DATA_DIR": str(tmp_path), "ADMIN_TOKEN": ADMIN_TOKEN})
    parts = Parts(
        settings=settings, model=DemoModel(), clock=ManualClock(), rng=random.Random(1), on_fenced=lambda: None
    )
    system = System(parts, lambda _error: None)
    mailbox = system._tree.router.mailbox
    while mailbox.offer(Envelope("mail")) is None:
        pass
    full = len(mailbox)

    system.reply_sent(ReplySent("omi:ada", "delivery-1", reached=True))

    assert len(mailbox) == full + 1
