"""The operator's pages of jobs and of one session's transcript, from their templates, which escape every value.

Not here: access and loading (web/handlers/queue.py, transcript.py), other pages (render.py). Threads: the event loop.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from omi_actors.domain.hearing.segments import StoredSegment
from omi_actors.domain.sessions.keys import SCRATCH, account_in, wearable_in
from omi_actors.domain.sessions.records import StoredMessage
from omi_actors.domain.work.jobs import JobState
from omi_actors.status.requests import build_attempts, is_kept
from omi_actors.store.transcripts import SessionPage
from web.pages.render import DASHBOARD, JOBS, TIMELINES, render_template
from web.problems import iso_time

# Words for a state, and its colour: pass, warn, fail or none.
_STATES = {
    "ready": ("waits", ""),
    "running": ("running", ""),
    "done": ("done", "pass"),
    "dead": ("dead", "fail"),
    "cancelled": ("discarded", ""),
}
_DELIVERIES = {
    "pending": ("waits to be sent", ""),
    "sending": ("is being sent", ""),
    "sent": ("sent", "pass"),
    "kept": ("kept for the next reply", "warn"),
    "unknown": ("sent, but its arrival is not known", "warn"),
}
_CHANNELS = {
    "inline": "in the webhook’s reply",
    "next_webhook": "in a later webhook’s reply",
    "notify": "as a notification",
    "chat": "to the chat",
}
# Seconds: a pause after which the same speaker begins anew on the page.
_PAUSE_S = 60.0


# --- jobs


def render_jobs(
    shown: Mapping[str, Any], fields: Mapping[str, str], *, kinds: Sequence[str], is_first: bool, limit: int
) -> bytes:
    """Return the list of jobs; `shown` is as programs get it, `fields` the filter."""
    older = urlencode({**fields, "before": shown["nextBefore"], "limit": limit}) if shown["nextBefore"] else ""
    return render_template(
        "jobs.html",
        jobs=[{**job, **_links_of(job), "word": _word_of(job)} for job in shown["jobs"]],
        fields=fields,
        kinds=kinds,
        states=[(state.value, _STATES[state.value][0]) for state in JobState],
        older=f"{JOBS}?{older}" if older else "",
        newest="" if is_first else f"{JOBS}?{urlencode(fields)}",
        place=DASHBOARD,
        here=JOBS,
    )


def render_job(job: Mapping[str, Any], *, now: str, may_act: bool, with_text: bool) -> bytes:
    """Return the page of one job, which is as programs get it; `now` is ISO 8601.

    Without `with_text` the job has the lengths of its texts.
    """
    word, status = _word_of(job)
    return render_template(
        "job.html",
        one={**job, **_links_of(job)},
        word=word,
        status=status,
        sentence=_describe_job(job, now),
        attempts=build_attempts(job["requestId"], job["id"]),
        texts=[(name.capitalize(), _say(job[name])) for name in ("question", "answer") if job[name]],
        payload=[(name, _say(value)) for name, value in (job["payload"] or {}).items()],
        with_text=with_text,
        can_retry=may_act and job["state"] == "dead",
        can_discard=may_act and job["state"] in ("ready", "dead"),
        place=DASHBOARD,
        here=f"{JOBS}/{job['id']}",
        jobs=JOBS,
    )


def _word_of(job: Mapping[str, Any]) -> tuple[str, str]:
    if job["state"] == "ready" and job["attempts"]:
        return "waits to be retried", "warn"
    return _STATES[job["state"]]


def _links_of(job: Mapping[str, Any]) -> dict[str, str]:
    session, request_id = job["sessionId"], job["requestId"]
    return {
        "transcript": transcript_of(session) if session else "",
        "timeline": f"{TIMELINES}/{request_id}" if is_kept(request_id) else "",
    }


def transcript_of(session_key: str) -> str:
    """Return the address of a session's transcript."""
    return f"/transcript/{quote(session_key, safe=':')}"


def _describe_job(job: Mapping[str, Any], now: str) -> str:
    made = f"{job['attempts']} of {job['maxAttempts']} attempts"
    error = f": {job['error']}" if job["error"] else ""
    later = f", at {say_time(job['runAt'])} UTC" if job["runAt"] > now else ""
    match job["state"]:
        case "ready" if job["attempts"]:
            return f"Waits for its next attempt{later}, after {made}{error}."
        case "ready":
            return f"Waits for its first attempt{later}{error}."
        case "running":
            return f"Running: attempt {job['attempts']} of {job['maxAttempts']}."
        case "done":
            return f"Done after {job['attempts']} {'attempt' if job['attempts'] == 1 else 'attempts'}."
        case "dead":
            return f"Dead after {made}{error}."
        case _:
            return f"Discarded{error}."


def _say(value: Any) -> str:
    """Return a value of a job as text; a text that is not shown has its length alone."""
    if isinstance(value, Mapping) and "text" in value:
        return str(value["text"])
    if isinstance(value, Mapping) and value.keys() == {"characters"}:
        return f"{value['characters']} characters"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


# --- a transcript


def render_transcript(page: SessionPage, *, limit: int, is_latest: bool) -> bytes:
    """Return a page of a session's talk."""
    here = transcript_of(page.session_key)
    earlier = page.earlier
    place = f"{earlier.seq}_{earlier.message.at!r}_{earlier.message.row_id}" if earlier is not None else ""
    return render_template(
        "transcript.html",
        page=page,
        what=_describe_session(page.session_key),
        seen=iso_time(page.last_seen_at),
        parts=_build_parts(page),
        earlier=f"{here}?{urlencode({'before': place, 'limit': limit})}" if place else "",
        latest="" if is_latest else here,
        jobs=f"{JOBS}?{urlencode({'session': page.session_key})}",
        say_time=say_time,
        place=DASHBOARD,
    )


def _describe_session(session_key: str) -> str:
    if (uid := wearable_in(session_key)) is not None:
        return f"the wearable {uid}"
    if account_in(session_key) is not None:
        return "typed by a person with an account"
    return "a webhook that the operator replayed" if session_key.startswith(SCRATCH) else "a chat"


def _build_parts(page: SessionPage) -> list[dict[str, Any]]:
    """Return what the page shows: heads of days and conversations, what each speaker said in a row, messages."""
    parts: list[dict[str, Any]] = []
    head, ended_at = ("", ""), 0.0
    for entry in page.entries:
        at = iso_time(entry.created_at)
        if head != (head := (at[:10], entry.conversation_id)):
            parts.append({"is": "head", "day": _say_day(at), "number": page.numbers.get(entry.conversation_id)})
        if isinstance(entry, StoredMessage):
            parts.append(_build_message(entry, at))
        else:
            _add_speech(parts, entry, at, is_later=entry.created_at - ended_at > _PAUSE_S)
        ended_at = entry.created_at
    return parts


def _add_speech(parts: list[dict[str, Any]], segment: StoredSegment, at: str, *, is_later: bool) -> None:
    """Add a segment to what its speaker said just before, or as a new part."""
    who, last = _speaker_of(segment), parts[-1]
    if is_later or last["is"] != "speech" or last["who"] != who:
        last = {"is": "speech", "who": who, "own": segment.is_user, "at": at, "said": []}
        parts.append(last)
    last["said"].append((at, segment.text))


def _speaker_of(segment: StoredSegment) -> str:
    return segment.speaker or ("Wearer" if segment.is_user else "Somebody")


def _build_message(message: StoredMessage, at: str) -> dict[str, Any]:
    words, status = _DELIVERIES.get(message.delivery_state, ("", ""))
    channel = _CHANNELS.get(message.delivery_channel, "")
    job_word, job_status = _STATES.get(message.job_state, ("", ""))
    return {
        "is": message.kind,
        "who": "Omi" if message.role == "assistant" else message.speaker or "Asked",
        "at": at,
        "text": message.text,
        "model": message.model,
        "delivery": f"{words} {channel}".strip(),
        "status": status,
        "job": f"{JOBS}/{message.job_id}" if message.job_state else "",
        "job_word": job_word,
        "job_status": job_status,
        "timeline": f"{TIMELINES}/{message.request_id}" if is_kept(message.request_id) else "",
        "request": message.request_id,
    }


# --- words


def say_time(iso: str) -> str:
    """Return a time (ISO 8601) for people: the day, and the time to the second."""
    return f"{iso[:10]} {iso[11:19]}"


def _say_day(iso: str) -> str:
    day = dt.date.fromisoformat(iso[:10])
    return f"{day:%A}, {day.day} {day:%B %Y}"
