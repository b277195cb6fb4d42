"""The `answer` job: asks the model, and stores its answer and the job's completion in one fenced transaction.

Not here: detecting the question (domain/hearing/), delivering the answer (actors/session/answers.py).
Threads: the event loop; the store is awaited, the model streams.
"""

from dataclasses import replace

from omi_actors.clients.model import ModelAnswer
from omi_actors.domain.answers.budget import Spending, estimate_spent_tokens, owner_of
from omi_actors.domain.answers.delivery_records import Channel, DeliveryState, NewDelivery
from omi_actors.domain.answers.failures import explain_failure
from omi_actors.domain.answers.patience import attempt_deadline_s, longest_wait_s
from omi_actors.domain.answers.prompt import (
    RECALLED,
    Asking,
    Prompt,
    RecalledLine,
    build_prompt,
    choose_recalled,
    find_space,
)
from omi_actors.domain.answers.silence import is_silence
from omi_actors.domain.hearing.state import Doubt, Question, build_question_key
from omi_actors.domain.sessions.chat import ChatQuestion, build_fingerprint
from omi_actors.domain.sessions.records import AFTER_QUESTION_S, AnswerContext, AnswerDone, NewMessage, Withdrawn
from omi_actors.domain.work.jobs import ClaimedJob, NewJob, PayloadForm
from omi_actors.errors import BudgetSpentError, CircuitOpenError
from omi_actors.ids import new_id
from omi_actors.instruments import metrics
from omi_actors.instruments.requests import REQUESTS
from omi_actors.jobs.kinds import JobDeps, stored
from omi_actors.store import jobs, sessions
from omi_actors.store.people import recall

KIND = "answer"
# Seconds before a reply's deadline from which an answer does not use that reply: it would come too late.
_REPLY_MARGIN_S = 0.5
# Fields of a payload that say why a question may not be meant.
_DOUBTS = {Doubt.UNNAMED: "without_wake", Doubt.MENTIONED: "may_be_mention"}


def build_answer_job(
    *,
    session_id: str,
    session_key: str,
    question: Question,
    max_attempts: int,
    request_id: str,
    reply_until: float | None = None,
) -> NewJob:
    """Return the job that answers this question. Its key is unique, so a repeated segment makes no second job.

    `reply_until`: UTC seconds until which the webhook's reply stays open for the answer.
    """
    return NewJob(
        job_id=new_id(),
        kind=KIND,
        lane=session_id,
        idempotency_key=build_question_key(session_id, (question.segment_key, question.ordinal)),
        payload={
            "session_id": session_id,
            "session_key": session_key,
            "conversation_id": question.conversation_id,
            "question": question.text,
            "reply_until": reply_until,
            **({_DOUBTS[question.doubt]: True} if question.doubt in _DOUBTS else {}),
        },
        created_at=question.asked_at,
        run_at=question.asked_at,
        priority=10,
        max_attempts=max_attempts,
        request_id=request_id,
    )


class AnswerJob:
    """Answers one question. A dead job leaves a failure, which tells the wearer why there is no answer."""

    name = KIND
    form = PayloadForm(1, frozenset({"session_id", "session_key", "conversation_id", "question"}))

    async def run(self, job: ClaimedJob, deps: JobDeps) -> AnswerDone | Withdrawn:
        """Ask the model and store its answer; or withdraw the question, if the model says that it is not for it.

        Raises:
            UpstreamError: the model did not answer.
            BudgetSpentError: a budget is spent; the model was not asked.
            LeaseLostError: another worker has this job by now; nothing was stored.
            StoreError: the store failed.
        """
        allowance, limits = deps.answering.allowance_of(job.payload["session_key"]), deps.answering.context
        # One message more than the prompt may hold: the question itself is among them.
        context = await deps.store.read(
            sessions.load_answer_context,
            job.payload["session_id"],
            choose_rows=lambda space: (find_space(space).segments, limits.messages + 1),
            conversation_id=job.payload["conversation_id"],
        )
        REQUESTS.note("context")
        if deps.budget is not None:
            deps.budget.check(context.use)
        recalled = await _recall(job, deps, context)
        prompt = build_prompt(
            job.payload["question"],
            context.transcript,
            context.history,
            limits,
            _read_asking(job, context.space, recalled, context.wish),
            max_tokens=allowance.max_tokens,
        )
        deadline_s = attempt_deadline_s(job.created_at, job.run_at, deps.clock.now_s(), allowance.timeout_s)
        may_be_silent = _read_doubt(job) is not Doubt.NONE
        # Before its end an answer may still turn out to be silence.
        on_text = None if may_be_silent else deps.on_text
        answer = await deps.model.answer(prompt, deadline_s=deadline_s, on_text=on_text)
        REQUESTS.note("answered")
        if may_be_silent and is_silence(answer.text):
            return await _withdraw(job, deps, _build_spending(job, prompt, answer))
        done = _build_done(job, deps, kind="answer", text=answer.text, model=answer.model)
        sources = tuple(one.number for one in recalled)
        done = replace(done, spent=_build_spending(job, prompt, answer), sources=sources)
        done = _plan_own_reply(done, job, deps)
        await stored(lambda: deps.store.write(jobs.complete_answer, done), deps)
        REQUESTS.note("done")
        return done

    def build_failure(self, job: ClaimedJob, error: BaseException, deps: JobDeps) -> AnswerDone:
        """Return the failure that the wearer gets instead of an answer. Prompts never contain it."""
        text = explain_failure(error, job.payload["question"], _language(job))
        done = _build_done(job, deps, kind="failure", text=text, model="")
        if isinstance(error, BudgetSpentError | CircuitOpenError):
            return done
        return replace(done, spent=Spending(owner_of(job.payload["session_key"]), tokens=0))

    def longest_wait_s(self, job: ClaimedJob, deps: JobDeps) -> float:
        """Return the seconds by which a retry may be delayed: it must still fit into the question's time."""
        allowance = deps.answering.allowance_of(job.payload["session_key"])
        return longest_wait_s(job.created_at, deps.clock.now_s(), allowance.timeout_s)


async def _withdraw(job: ClaimedJob, deps: JobDeps, spent: Spending) -> Withdrawn:
    withdrawn = Withdrawn(job_id=job.job_id, token=job.token, finished_at=deps.clock.now_s(), spent=spent)
    await stored(lambda: deps.store.write(jobs.withdraw_question, withdrawn), deps)
    REQUESTS.note("withdrawn")
    return withdrawn


async def _recall(job: ClaimedJob, deps: JobDeps, context: AnswerContext) -> tuple[RecalledLine, ...]:
    """Return the person's earlier texts that belong to the question, if the person allows it; the best first."""
    if context.recall_of is None:
        return ()
    question = job.payload["question"]
    near = await deps.find_meaning(context.recall_of, question) if deps.find_meaning is not None else None
    found = await deps.store.read(
        recall.recall_for_question,
        context.recall_of,
        job_id=job.job_id,
        question=question,
        limit=RECALLED * 2,
        near=near,
    )
    lines = [RecalledLine(one.number, one.text, one.at, one.speaker) for one in found]
    REQUESTS.note("recall")
    return choose_recalled(lines, context.transcript, deps.answering.context)


def _read_asking(job: ClaimedJob, space: str, recalled: tuple[RecalledLine, ...], wish: str) -> Asking:
    payload = job.payload
    is_typed, context = payload.get("is_typed", False), payload.get("context", "")
    return Asking(
        space=find_space(space),
        is_typed=is_typed,
        context=context,
        recalled=recalled,
        language=_language(job),
        wish=wish,
        doubt=_read_doubt(job),
    )


def _read_doubt(job: ClaimedJob) -> Doubt:
    """Return the reason for which a question may not be meant for the wearable."""
    return next((doubt for doubt, name in _DOUBTS.items() if job.payload.get(name, False)), Doubt.NONE)


def in_language(job: NewJob, language: str) -> NewJob:
    """Return the job of a person who wants answers in this language; "" is that of the question."""
    return replace(job, payload={**job.payload, "language": language}) if language else job


def _language(job: ClaimedJob) -> str:
    """Return the language that the person has chosen for answers; "" is that of the question."""
    return str(job.payload.get("language", ""))


def _build_done(job: ClaimedJob, deps: JobDeps, *, kind: str, text: str, model: str) -> AnswerDone:
    # Clients sort by milliseconds, and another node may have asked.
    now_s = max(deps.clock.now_s(), job.created_at + AFTER_QUESTION_S)
    message = NewMessage(
        message_id=new_id(),
        session_id=job.payload["session_id"],
        conversation_id=job.payload["conversation_id"],
        role="assistant",
        kind=kind,
        source="system",
        text=text,
        job_id=job.job_id,
        model=model,
        created_at=now_s,
    )
    delivery = NewDelivery(
        delivery_id=new_id(), session_id=message.session_id, message_id=message.message_id, created_at=now_s
    )
    return AnswerDone(job_id=job.job_id, token=job.token, finished_at=now_s, message=message, delivery=delivery)


def _build_spending(job: ClaimedJob, prompt: Prompt, answer: ModelAnswer) -> Spending:
    """Return the cost of an answer in tokens. If the model's server returns no count, estimate it by the characters."""
    tokens = answer.tokens or estimate_spent_tokens(answer.text, *(message.text for message in prompt.messages))
    metrics.MODEL_TOKENS.labels("told" if answer.tokens else "estimated").inc(tokens)
    return Spending(owner_of(job.payload["session_key"]), tokens)


def _plan_own_reply(done: AnswerDone, job: ClaimedJob, deps: JobDeps) -> AnswerDone:
    """Return `done` with the intent to send the answer in its own reply, if a reply of this node waits for it.

    One commit then stores the answer and the intent, so the session needs no commit of its own for the intent.
    """
    now_s = deps.clock.now_s()
    open_until = (job.payload.get("reply_until") or 0.0) - _REPLY_MARGIN_S
    is_too_late = now_s >= min(open_until, job.created_at + deps.answer_expires_s)
    if is_too_late or not deps.is_awaited(job.job_id):
        return done
    return replace(
        done, delivery=replace(done.delivery, state=DeliveryState.SENDING.value, channel=Channel.INLINE.value)
    )


def build_chat_key(session_key: str, key: str) -> str:
    """Return a typed question's idempotency key. It is unique among all questions of its owner, for ever."""
    return f"chat:{owner_of(session_key)}:{key}"


def build_chat_job(
    question: ChatQuestion, *, session_id: str, session_key: str, now_s: float, max_attempts: int, request_id: str
) -> NewJob:
    """Return the job that answers this typed question. It has the same priority as the job of a spoken question."""
    return NewJob(
        job_id=new_id(),
        kind=KIND,
        lane=session_id,
        idempotency_key=build_chat_key(session_key, question.key),
        payload={
            "session_id": session_id,
            "session_key": session_key,
            "conversation_id": question.conversation_id,
            "question": question.text,
            "context": question.context,
            "is_typed": True,
            "is_streamed": question.is_streamed,
        },
        created_at=now_s,
        run_at=now_s,
        priority=10,
        max_attempts=max_attempts,
        request_id=request_id,
        fingerprint=build_fingerprint(session_key, question.text, question.context),
    )
