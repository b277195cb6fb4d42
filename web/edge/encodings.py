"""Content-Encoding of request bodies: unpacks gzip and deflate, piece by piece, so that no body grows unseen.

Not here: the limits of bodies (web/entry.py). Threads: the event loop; a piece takes a fraction of a millisecond.
Source: RFC 9110 §8.4, RFC 1950 to 1952.
"""

import re
import zlib
from collections.abc import Iterator

from omi_actors.errors import BadRequestError, UnsupportedEncodingError

# Bytes of one unpacked piece.
_PIECE_BYTES = 64 * 1024
_NAMES = {"gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}
# Names that are shown again in an answer and in the log.
_SHOWN = re.compile(r"[A-Za-z0-9 ,._-]{1,64}")
_NO_HEADER = -zlib.MAX_WBITS
_GZIP = 16 + zlib.MAX_WBITS


def find_unpacker(encoding: str) -> "Unpacker | None":
    """Return the unpacker for a Content-Encoding; None for a body that is sent plain.

    Raises:
        UnsupportedEncodingError: the encoding is another one, or there are several.
    """
    words = [word for part in encoding.split(",") if (word := part.strip().lower()) not in ("", "identity")]
    if not words:
        return None
    if len(words) > 1 or words[0] not in _NAMES:
        shown = f" `{encoding}`" if _SHOWN.fullmatch(encoding) else ""
        raise UnsupportedEncodingError(f"The body's Content-Encoding{shown} is not supported.")
    return Unpacker(_NAMES[words[0]])


class Unpacker:
    """Unpacks one body.

    Example:
        for piece in unpacker.unpack(chunk): ...
        unpacker.is_whole  # after the last chunk: the body has come to its end
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._held = b""
        self._stream: zlib._Decompress | None = None

    @property
    def is_whole(self) -> bool:
        """Return True if no part of the body is missing; so also if there is no body."""
        return not self._held if self._stream is None else self._stream.eof

    def unpack(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the next pieces.

        Raises:
            BadRequestError: the body is not what its encoding says.
        """
        packed, has_more = self._held + chunk, False
        self._held = b""
        while packed or has_more:
            if self._stream is None or self._stream.eof:
                if self.name == "deflate" and len(packed) == 1:
                    self._held = packed  # its first two bytes tell its kind
                    return
                self._stream = self._begin(packed)
            try:
                piece = self._stream.decompress(packed, _PIECE_BYTES)
            except zlib.error:
                raise BadRequestError(f"The body is not {self.name}, as its Content-Encoding says.") from None
            packed = self._stream.unconsumed_tail or self._stream.unused_data
            # After a full piece the stream may hold more, though it has taken all that came.
            has_more = len(piece) == _PIECE_BYTES and not self._stream.eof
            if piece:
                yield piece

    def _begin(self, packed: bytes) -> "zlib._Decompress":
        """Return a new stream. A gzip body may have several; a deflate body may lack its header, as some senders do."""
        if self.name == "gzip":
            return zlib.decompressobj(_GZIP)
        has_header = packed[0] & 0x0F == zlib.DEFLATED and int.from_bytes(packed[:2], "big") % 31 == 0
        return zlib.decompressobj(zlib.MAX_WBITS if has_header else _NO_HEADER)
