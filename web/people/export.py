"""Export of everything of a person: one archive (zip) with JSON for programs and Markdown to read.

It is written while it is sent, page by page, so that its size does not matter. It holds what was stored when it began:
later rows are left out, and so is what is deleted meanwhile.
Not here: the lists (omi_actors/store/people/export.py). Threads: the event loop.
"""

import asyncio
import base64
import contextlib
import datetime as dt
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

import msgspec
from tornado.iostream import StreamClosedError

from omi_actors.domain.people.accounts import MAX_EMAIL_CHARS, Account, clean_email
from omi_actors.domain.people.conversations import NEWEST, write_heading, write_line
from omi_actors.errors import ConflictError, NotFoundError
from omi_actors.kit.errors import ExpectedError
from omi_actors.store.facade import Store
from omi_actors.store.people import accounts, conversations, export
from omi_actors.store.people.export import OF_ACCOUNT, OF_SESSION, SESSIONS, Listed
from web.declare import Media, declare
from web.parameters import Field
from web.people.admin import AdminHandler
from web.people.base import PersonHandler
from web.people.conversations import walk_conversation
from web.problems import iso_time

# Seconds in which a client must read some of the archive.
_READ_S = 60.0
# Bytes that are compressed at once: about a millisecond.
_SLICE_BYTES = 65_536
_CONVERSATIONS = 50
_READ_ME = """# Export of {email}

Made {at}. It holds what was stored then.

- `conversations.md`, `memories.md`: to read.
- `*.json`: everything, for programs. Times are UTC. `transcript.json` is what was heard, `messages.json` are questions
  and answers, `omi_events.json` other payloads of Omi as they came (`body`, or `bodyBase64` if it is no text).

Passwords, tokens, codes and their digests are not in it. Nor are the index of words, which is made of these texts, and
jobs, whose questions are among the messages.
"""
_EMAIL = Field("email", max_chars=4 * MAX_EMAIL_CHARS, example="ada@example.com", is_needed=True)
_ARCHIVE = Media("application/zip")


class _Sink:
    """The end of an archive that cannot go back: it keeps bytes until they are taken."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def write(self, data: bytes) -> int:
        self._bytes += data
        return len(data)

    def flush(self) -> None:
        """Do nothing: `take` takes the bytes."""

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def take(self) -> bytes:
        """Return the bytes, and forget them."""
        taken, self._bytes = bytes(self._bytes), bytearray()
        return taken


class Exporter:
    """Writes the archive of one account, piece by piece."""

    def __init__(self, store: Store, account: Account, now_s: float) -> None:
        self._store = store
        self._account = account
        self._until = now_s
        self._sink = _Sink()

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield the archive's bytes.

        Raises:
            ExpectedError: the store failed; the archive is not complete.
        """
        with zipfile.ZipFile(self._sink, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, texts in self._files():
                info = zipfile.ZipInfo(name, dt.datetime.fromtimestamp(self._until, dt.UTC).timetuple()[:6])
                info.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(info, "w", force_zip64=True) as file:
                    async for text in texts:
                        for start in range(0, len(text), _SLICE_BYTES):
                            file.write(text[start : start + _SLICE_BYTES])
                            yield self._sink.take()
        yield self._sink.take()

    def _files(self) -> list[tuple[str, AsyncIterator[bytes]]]:
        return [
            ("README.md", self._read_me()),
            ("conversations.md", self._talks()),
            ("memories.md", self._memories()),
            *((f"{one.name}.json", self._array(one, self._rows_of_account)) for one in OF_ACCOUNT),
            *((f"{one.name}.json", self._array(one, self._rows_of_sessions)) for one in OF_SESSION),
        ]

    async def _read_me(self) -> AsyncIterator[bytes]:
        yield _READ_ME.format(email=self._account.email, at=iso_time(self._until)).encode()

    async def _talks(self) -> AsyncIterator[bytes]:
        before, me = NEWEST, self._account.account_id
        while True:
            page = await self._store.read_cold(
                conversations.list_conversations, me, before=before, limit=_CONVERSATIONS
            )
            for talk in page:
                yield write_heading(talk).encode()
                async for entries in walk_conversation(self._store, me, talk):
                    yield "".join(write_line(entry) for entry in entries if entry.created_at <= self._until).encode()
            if len(page) < _CONVERSATIONS:
                return
            before = page[-1].position

    async def _memories(self) -> AsyncIterator[bytes]:
        yield b"# Memories\n\n"
        memories = next(one for one in OF_ACCOUNT if one.name == "memories")
        async for rows in self._rows_of_account(memories):
            yield "".join(
                f"- {iso_time(row['created_at'])[:10]}: {' '.join(row['text'].split())}\n" for row in rows
            ).encode()

    async def _array(
        self, listed: Listed, rows_of: Callable[[Listed], AsyncIterator[list[dict[str, Any]]]]
    ) -> AsyncIterator[bytes]:
        begin = b"[\n"
        async for rows in rows_of(listed):
            yield begin + b",\n".join(msgspec.json.encode(_form(row)) for row in rows)
            begin = b",\n"
        yield b"[]\n" if begin == b"[\n" else b"\n]\n"

    async def _rows_of_account(self, listed: Listed) -> AsyncIterator[list[dict[str, Any]]]:
        async for rows in self._rows(listed, self._account.account_id):
            yield rows

    async def _rows_of_sessions(self, listed: Listed) -> AsyncIterator[list[dict[str, Any]]]:
        async for sessions in self._rows(SESSIONS, self._account.account_id):
            for session in sessions:
                async for rows in self._rows(listed, session["id"]):
                    yield rows

    async def _rows(self, listed: Listed, owner: str) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield the pages of a list."""
        me, after = self._account.account_id, listed.start
        while True:
            rows = await self._store.read_cold(
                export.load_rows, me, listed, owner=owner, after=after, until=self._until
            )
            if rows:
                yield rows
            if len(rows) < listed.limit:
                return
            after = tuple(rows[-1][name] for name in listed.key)


def _form(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as JSON has it: names in camelCase, times in ISO 8601, bytes as text or in base64."""
    form: dict[str, Any] = {}
    for name, value in row.items():
        first, *others = name.split("_")
        shown = first + "".join(word.capitalize() for word in others)
        if name.endswith("_at") and value is not None:
            form[shown] = iso_time(value)
        elif isinstance(value, bytes | memoryview):
            try:
                form[shown] = bytes(value).decode()
            except UnicodeDecodeError:
                form[f"{shown}Base64"] = base64.b64encode(value).decode()
        elif name.startswith(("is_", "mute", "inject_", "meeting_")) and value is not None:
            form[shown] = bool(value)
        else:
            form[shown] = value
    return form


class ArchiveHandler(PersonHandler):
    """Base of handlers that send an archive. An account has one export at a time."""

    is_slow_by_nature = True
    # Its duration depends on the client's reading, in steps of _READ_S.
    has_own_deadline = True

    async def send_archive(self, account: Account) -> None:
        """Send the archive of an account.

        Raises:
            ConflictError: another export of it is under way.
        """
        exporting = self.site.people.exporting
        if account.account_id in exporting:
            raise ConflictError("An export of this account is under way.", hint="Wait for its end.")
        exporting.add(account.account_id)
        try:
            await self._send(account)
        finally:
            exporting.discard(account.account_id)

    async def _send(self, account: Account) -> None:
        self.set_header("Content-Type", "application/zip")
        self.set_header("Content-Disposition", f'attachment; filename="omi-export-{iso_time(self.now_s)[:10]}.zip"')
        pieces = Exporter(self.store, account, self.now_s).pieces()
        try:
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    self.write(piece)
                    async with asyncio.timeout(_READ_S):
                        await self.flush()
        except (StreamClosedError, TimeoutError):
            self.close()
            return
        except ExpectedError:
            self.close()  # the client sees that the archive is cut
            raise
        self.finish()


class ExportHandler(ArchiveHandler):
    """Sends the signed-in person everything that is stored of them."""

    route = "/account/export"

    @declare(_ARCHIVE, errors=(409,))
    async def get(self) -> None:
        """Send everything that is stored of the person."""
        await self.send_archive(await self.load_me())


class ExportAccountHandler(AdminHandler, ArchiveHandler):
    """Sends the operator the archive of the account with an email."""

    route = "/operator/accounts/export"

    @declare(_ARCHIVE, body=(_EMAIL,), errors=(404, 409))
    async def post(self) -> None:
        """Send everything that is stored of an account."""
        email = clean_email(self.read_fields().get("email", "")) or ""
        known = await self.store.read(accounts.load_credentials, email=email) if email else None
        if known is None:
            raise NotFoundError("No account has this email.", hint="`omi-actors user list` shows all.")
        await self.store.write_alone(export.record_export, known.account.account_id, by=self.requester)
        await self.send_archive(known.account)


ROUTES = (
    (r"/account/export/?", ExportHandler),
    (r"/operator/accounts/export", ExportAccountHandler),
)
