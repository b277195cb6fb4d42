"""The wearables of a storm, the door through which their webhooks come, and all that they hear.

A webhook goes the way of web/webhook/: its parser and its sender are the product's, only HTTP is left out.
Not here: what is said (scripts/lab/simulate/plan.py), the judgement (judge.py). Threads: the main one.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tornado.httputil import HTTPHeaders

from omi_actors.actors.session.messages import Ingested, ReplySent
from omi_actors.domain.sessions.keys import wearable_key
from omi_actors.ids import new_request_id
from omi_actors.instruments.logs import LogContext
from scripts.lab.replay.recording import RecordedRequest, build_webhook
from scripts.lab.storms.weather import Death, Spell
from scripts.lab.storms.world import World
from web.webhook.intake import Sending, Webhook, build_order

if TYPE_CHECKING:
    from scripts.lab.storms.node import Node

# Seconds: the limit of a webhook's messages, as web/site.py has it; how long a sender waits; a reply's way.
_WEBHOOK_S = 14.0
_SENDER_S = 30.0
_WAY_S = (0.001, 0.1)
_LEAVES_AFTER_S = (0.05, 15.0)
# Seconds of a connection that nobody answers, and between a reply and the same wearable's next webhook.
_REFUSED_S = 0.01
_NEXT_S = 0.05
_CONTACT = "Well, that was it."


@dataclass(frozen=True, slots=True)
class Heard:
    """A text that a wearer heard. `delivery_id` is known for replies; "" marks a notification."""

    at_s: float
    uid: str
    text: str
    delivery_id: str


@dataclass(slots=True)
class Hearing:
    """All that the outside knows: what was acknowledged, and what was heard."""

    world: World
    heard: list[Heard] = field(default_factory=list)
    # Calls of Omi's API that may have brought a notification: the wearer and the wall clock's second.
    pushes: list[tuple[str, float]] = field(default_factory=list)
    # Bodies of webhooks that were sent, with the virtual second of the first time, and of those acknowledged.
    sent: dict[str, float] = field(default_factory=dict)
    acknowledged: dict[str, float] = field(default_factory=dict)
    webhooks: int = 0
    # Bodies that were not acknowledged when they first came.
    failed: set[str] = field(default_factory=set)

    def was_taken_at_once(self, body: str) -> bool:
        """Return True if a webhook was acknowledged when it first came."""
        return body in self.acknowledged and body not in self.failed

    def notified(self, uid: str, text: str, *, is_heard: bool) -> None:
        """Note a notification that Omi took."""
        self.pushes.append((uid, self.world.clock.now_s()))
        if is_heard:
            self.hear(uid, text, "")

    def hear(self, uid: str, text: str, delivery_id: str) -> None:
        """Note a text that reached a wearer."""
        self.world.trace.note(uid, f"hears {text[:60]!r} {delivery_id or 'by notification'}")
        self.heard.append(Heard(self.world.clock.mono_s(), uid, text, delivery_id))


class Door:
    """One webhook, from its arrival to the end of its reply. `on_end` gets the answer in the reply, or None."""

    def __init__(self, node: "Node", webhook: RecordedRequest, on_end: Callable[[str | None], object]) -> None:
        self._node = node
        self._webhook = webhook
        self._on_end = on_end
        self._uid = webhook.query["uid"]
        self._life = 0
        self._is_over = False

    def open(self) -> None:
        """Let the webhook arrive."""
        node, webhook = self._node, self._webhook
        hearing, clock = node.hearing, node.world.clock
        self._life = node.lives
        hearing.webhooks += 1
        hearing.sent.setdefault(webhook.body, clock.mono_s())
        if node.system is None or not node.is_alive or not node.is_listening:
            node.world.after(_REFUSED_S, lambda: self._end("nobody listens", None))
            return
        node.doors.append(self)
        node.world.after(_SENDER_S, lambda: self._end("the sender waited long enough", None))
        if node.door_dice.happens(node.weather.share(Spell.HANGING_UP)):
            node.world.after(node.door_dice.between(*_LEAVES_AFTER_S), lambda: self._end("the sender left", None))
        given = Webhook(webhook.query, HTTPHeaders(webhook.headers), webhook.body.encode(), clock.now_s())
        order = build_order(given)
        context = LogContext(new_request_id(), order.session_key)
        Sending(node.system, order.messages, context, self._settled).start(clock, _WEBHOOK_S)

    def cut(self) -> None:
        """End with the node's death."""
        self._end("the node died", None)

    def _settled(self, replies: list[Ingested], error: Exception | None) -> None:
        """Reply, as web/webhook/request.py does."""
        node = self._node
        if node.lives != self._life or not node.is_alive:
            return
        answers = [reply for reply in replies if reply.message is not None]
        sent = answers.pop(0) if answers and error is None else None
        for unsent in answers:
            self._report(unsent, reached=False)
        if sent is not None and node.may_die(Death.BEFORE_REPLY):
            return
        if self._is_over:
            if sent is not None:
                self._report(sent, reached=False)
            return
        if sent is not None and node.door_dice.happens(node.weather.share(Spell.HANGING_UP) / 2):
            self._end("the sender left", None)
            self._report(sent, reached=False)
            return
        self._reply(sent, error)

    def _reply(self, sent: Ingested | None, error: Exception | None) -> None:
        node, clock = self._node, self._node.world.clock
        if error is not None:
            self._end(f"dropped: {type(error).__name__}", None)
            return
        node.hearing.acknowledged.setdefault(self._webhook.body, clock.mono_s())
        if sent is not None and sent.message is not None:
            node.hearing.hear(self._uid, sent.message, sent.delivery_id or "?")
            node.may_die(Death.AFTER_REPLY)
            node.world.after(node.door_dice.between(*_WAY_S), lambda: self._report(sent, reached=True))
        self._end("kept", sent.message if sent is not None else None)

    def _report(self, answer: Ingested, *, reached: bool) -> None:
        node = self._node
        if answer.delivery_id is None or node.lives != self._life or not node.is_alive or node.system is None:
            return
        node.system.reply_sent(ReplySent(wearable_key(self._uid), answer.delivery_id, reached))

    def _end(self, how: str, answer: str | None) -> None:
        if self._is_over:
            return
        self._is_over = True
        if self in self._node.doors:
            self._node.doors.remove(self)
        if self._webhook.body not in self._node.hearing.acknowledged:
            self._node.hearing.failed.add(self._webhook.body)
        self._node.world.trace.note(self._uid, f"webhook ends: {how}")
        self._on_end(answer)


class Wearer:
    """One wearable: sends its webhooks in order, the next one only after the reply, as Omi does."""

    def __init__(self, node: "Node", webhooks: Sequence[RecordedRequest]) -> None:
        self._node = node
        self._webhooks = list(webhooks)
        self.uid = webhooks[0].query["uid"]
        self._contacts = 0

    def talk(self) -> None:
        """Send the next webhook at its time."""
        if self._webhooks:
            webhook = self._webhooks.pop(0)
            delay_s = max(_NEXT_S, webhook.at_s - self._node.world.clock.mono_s())
            self._node.world.after(delay_s, Door(self._node, webhook, lambda _: self.talk()).open)

    def fetch_kept(self, start_s: float) -> None:
        """Speak on until no reply brings an answer: each brings one."""
        self._contacts += 1
        segment = {
            "id": f"contact-{self.uid}-{self._contacts}",
            "text": _CONTACT,
            "speaker": "SPEAKER_00",
            "is_user": True,
            "start": start_s,
            "end": start_s + 1.0,
        }
        webhook = build_webhook(self.uid, [segment])
        Door(self._node, webhook, lambda answer: self._fetch_on(answer, start_s + 2.0)).open()

    def _fetch_on(self, answer: str | None, start_s: float) -> None:
        if answer is not None:
            self._node.world.after(1.0, lambda: self.fetch_kept(start_s))


def segments_of(body: str) -> list[dict[str, object]]:
    """Return the segments of a webhook's body."""
    segments: list[dict[str, object]] = json.loads(body)["segments"]
    return segments
