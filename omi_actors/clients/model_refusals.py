"""The meaning of a refusal by a model's server: status, body and headers in, one of our errors out.

Not here: learning from it (completion_request.py), the sentences for it (domain/answers/failures.py). Threads: none,
pure. Bodies may quote the prompt and the key: no text of a body reaches an error.
"""

from collections.abc import Mapping
from types import MappingProxyType

from omi_actors.errors import UpstreamError, UpstreamRejectedError, UpstreamUnavailableError

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


def read_refusal(status: int, body: object, headers: Mapping[str, str] = _NO_HEADERS) -> UpstreamError:
    """Return our error for a refusal: `body` is a parsed JSON value, or the text or bytes as they came.

    `status` is that of the response: 200 for an error inside of an answer, which means the same as with its own status.
    """
    del headers
    code = str(body.get("code") or "") if isinstance(body, dict) else ""
    if code == "insufficient_quota":
        return UpstreamRejectedError("the model's account has no credit", code=code)
    if code == "content_filter":
        return UpstreamRejectedError("the model's server refused the content", code="content_refused")
    return UpstreamUnavailableError(f"the model's server broke off with an error ({status})")
