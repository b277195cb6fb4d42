"""An answer on its way out while it is made: from an attempt's pieces to messages for the session that asked.

Not here: the model (clients/), who listens (actors/session/slots.py). Threads: the event loop.
"""

from omi_actors.actors.chat_messages import AnswerGrew
from omi_actors.errors import OmiError
from omi_actors.kit.future import Future
from omi_actors.kit.handle import Handle

# Seconds that a session may take for a piece; one that is slower gets the whole answer only.
_TIMEOUT_S = 5.0


class AnswerStream:
    """Sends one attempt's pieces, in order, one message at a time: what comes meanwhile goes together in the next.

    When a piece is not taken, none is sent after it: who listens still gets the whole answer at its end.
    """

    def __init__(self, sessions: Handle, session_key: str, job_id: str) -> None:
        self._sessions = sessions
        self._session_key = session_key
        self._job_id = job_id
        self._waiting = ""
        self._is_first = True
        self._is_sending = False
        self._is_over = False

    def add(self, text: str) -> None:
        """Take a piece; an empty one voids all before it."""
        if not text:
            self._waiting, self._is_first = "", True
        elif not self._is_over:
            self._waiting += text
            self._send()

    def _send(self) -> None:
        if self._is_sending or not self._waiting:
            return
        piece = AnswerGrew(self._session_key, self._job_id, self._waiting, self._is_first)
        self._waiting, self._is_first, self._is_sending = "", False, True
        self._sessions.ask(piece, timeout_s=_TIMEOUT_S).add_done_callback(self._sent)

    def _sent(self, taken: Future[bool]) -> None:
        self._is_sending = False
        try:
            self._is_over = not taken.result()
        except OmiError:
            self._is_over = True
        if not self._is_over:
            self._send()
