"""One completion of a person's program: recall, prompt, model, count of its use. It is no job: nothing is queued.

A program that loses its connection asks again itself, so a failed completion is not retried here.
Not here: its session (actors/session/completions.py), the prompt's text (domain/answers/completions.py).
Threads: the event loop, in a task.
"""

import asyncio
from dataclasses import replace

import msgspec

from omi_actors.clients.model import ModelAnswer, OnText
from omi_actors.domain.answers.budget import Spending, estimate_spent_tokens, owner_of
from omi_actors.domain.answers.completions import Completion, Keeping, build_completion_prompt
from omi_actors.domain.answers.failures import find_cause
from omi_actors.domain.answers.prompt import Prompt, RecalledLine, choose_recalled
from omi_actors.domain.sessions.keys import account_in
from omi_actors.errors import CircuitOpenError
from omi_actors.instruments import metrics
from omi_actors.instruments.logs import get_logger
from omi_actors.instruments.requests import REQUESTS
from omi_actors.jobs.kinds import JobDeps
from omi_actors.kit.errors import ExpectedError
from omi_actors.store.model_use import add_use
from omi_actors.store.people import recall
from omi_actors.store.people.completions import Ground, KeptTurn, keep_turn, load_ground

_log = get_logger(__name__)

# Recalled texts that are looked at, for each that a prompt may hold.
_LOOKED_AT = 16
# Characters of a question for which earlier texts are recalled. A longer one is a task with its own text, as that of
# a program that wants a title for its conversation.
_RECALL_CHARS = 1_000


async def complete(session_key: str, asked: Completion, deps: JobDeps, on_text: OnText | None) -> ModelAnswer:
    """Ask the model, and count its use; keep question and answer if the program wishes it.

    Raises:
        ContextTooLongError, BudgetSpentError: the model was not asked. UpstreamError: it did not answer.
        StoreError: the store failed before the model was asked, or question and answer are not kept as wished.
    """
    try:
        answer = await _complete(session_key, asked, deps, on_text)
    except asyncio.CancelledError:
        metrics.COMPLETIONS.labels("left", "").inc()
        raise
    except Exception as error:
        metrics.COMPLETIONS.labels("failed", find_cause(error)).inc()
        raise
    metrics.COMPLETIONS.labels("answered", "").inc()
    return answer


async def _complete(session_key: str, asked: Completion, deps: JobDeps, on_text: OnText | None) -> ModelAnswer:
    account_id = account_in(session_key) or ""
    ground = await deps.store.read(load_ground, account_id, session_key)
    REQUESTS.note("context")
    if deps.budget is not None:
        deps.budget.check(ground.use)
    recalled = await _recall(account_id, asked.question, ground, deps)
    limits = deps.answering.completions
    prompt = build_completion_prompt(asked, recalled, limits, language=ground.language, wish=ground.wish)
    answer = await _ask_model(session_key, prompt, deps, on_text)
    REQUESTS.note("answered")
    spent = _estimate(session_key, prompt, answer.text)
    if answer.tokens:
        spent = Spending(spent.owner, answer.tokens)
    metrics.MODEL_TOKENS.labels("told" if answer.tokens else "estimated").inc(spent.tokens)
    answer = _with_counts(answer, prompt)
    if asked.keeping is None:
        await _count(spent, deps)
    else:
        turn = _build_turn(session_key, asked, asked.keeping, answer, spent)
        turn = replace(turn, sources=tuple(one.number for one in recalled))
        await deps.store.write(keep_turn, turn)
    REQUESTS.note("done")
    return answer


def _with_counts(answer: ModelAnswer, prompt: Prompt) -> ModelAnswer:
    """Return the answer with counts of tokens: programs read them without a look whether they are there."""
    if all(answer.counts):
        return answer
    asked_for = estimate_spent_tokens(*(message.text for message in prompt.messages))
    return replace(answer, counts=(asked_for, estimate_spent_tokens(answer.text)))


async def _ask_model(session_key: str, prompt: Prompt, deps: JobDeps, on_text: OnText | None) -> ModelAnswer:
    """Ask the model. A failure counts as a question, and what the model has written for nobody costs, too."""
    told = _Told(on_text)
    try:
        return await deps.model.answer(
            prompt, deadline_s=deps.answering.completions.timeout_s, on_text=told.take if on_text else None
        )
    except asyncio.CancelledError:
        # Not awaited: the task ends now.
        _ = deps.store.write(add_use, _estimate(session_key, prompt, told.text))
        raise
    except ExpectedError as error:
        if not isinstance(error, CircuitOpenError):
            await _count(Spending(owner_of(session_key), tokens=0), deps)
        raise


def _build_turn(
    session_key: str, asked: Completion, keeping: Keeping, answer: ModelAnswer, spent: Spending
) -> KeptTurn:
    """Return what is stored: a result of a tool is no question, and calls of tools are told by their names."""
    record = keeping.record
    calls = ", ".join(call["function"]["name"] for call in answer.calls)
    return KeptTurn(
        account_id=account_in(session_key) or "",
        session_key=session_key,
        message_id=keeping.message_id,
        question=_storable(asked.question) if asked.is_new_question else "",
        answer=answer.text or f"[{_storable(calls)}]",
        model=answer.model,
        spent=spent,
        conversation_id=keeping.conversation_id,
        after=asked.earlier_answer,
        previous_id=keeping.previous_id,
        body=None if record is None else msgspec.json.encode({**record, "answer": answer}).decode(),
    )


def _storable(text: str) -> str:
    return text.replace("\0", "")


class _Told:
    """The text of an answer up to now, for the count of one that is broken off."""

    def __init__(self, on_text: OnText | None) -> None:
        self._on_text = on_text
        self._pieces: list[str] = []

    @property
    def text(self) -> str:
        """Return the text."""
        return "".join(self._pieces)

    def take(self, text: str) -> None:
        """Note a piece and pass it on."""
        self._pieces.append(text)
        if self._on_text is not None:
            self._on_text(text)


async def _recall(account_id: str, question: str, ground: Ground, deps: JobDeps) -> tuple[RecalledLine, ...]:
    if not ground.recalls or not 0 < len(question) <= _RECALL_CHARS:
        return ()
    near = await deps.find_meaning(account_id, question) if deps.find_meaning is not None else None
    found = await deps.store.read(recall.find_texts, account_id, question, limit=_LOOKED_AT, near=near)
    REQUESTS.note("recall")
    lines = [RecalledLine(one.number, one.text, one.at, one.speaker) for one in found]
    return choose_recalled(lines, (), deps.answering.context)


def _estimate(session_key: str, prompt: Prompt, answer: str) -> Spending:
    tokens = estimate_spent_tokens(answer, *(message.text for message in prompt.messages))
    return Spending(owner_of(session_key), tokens)


async def _count(spent: Spending, deps: JobDeps) -> None:
    """Count the use. If the store fails now, the answer is not withheld, and the log says that it was not counted."""
    try:
        await deps.store.write(add_use, spent)
    except ExpectedError as exc:
        _log.warning("use_not_counted", tokens=spent.tokens, error=type(exc).__name__)
