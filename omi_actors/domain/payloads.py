"""What a kind of job wants of its payload, and what is said of one that it cannot read.

Not here: the kinds (jobs/), rows (store/payloads.py). Threads: none, pure.
"""

from dataclasses import dataclass

from omi_actors.domain.work.jobs import ClaimedJob
from omi_actors.errors import UnreadableJobError


@dataclass(frozen=True, slots=True)
class PayloadForm:
    """The one version that is read, and the names that it must have. Older versions are turned into it, or refused."""

    version: int
    required: frozenset[str]


def check_payload(job: ClaimedJob, form: PayloadForm) -> None:
    """Make sure that a job can be read.

    Raises:
        UnreadableJobError: it cannot; the sentence names the row and the way out, and nothing of what it holds.
    """
    fault = _find_fault(job, form)
    if fault is not None:
        raise UnreadableJobError(
            f"{fault}. Start a program that reads it and run `omi-actors queue retry {job.job_id}`, or discard it."
        )


def _find_fault(job: ClaimedJob, form: PayloadForm) -> str | None:
    if job.is_corrupt:
        return f"the payload of job {job.job_id} is no JSON object"
    if job.version != form.version:
        return f"the payload of job {job.job_id} has version {job.version}; this program reads {form.version}"
    missing = sorted(form.required - job.payload.keys())
    return f"the payload of job {job.job_id} lacks {', '.join(missing)}" if missing else None


def unknown_kind(kind: str) -> str:
    """Say that there is no such kind."""
    return f"this program has no jobs of the kind {kind}"
