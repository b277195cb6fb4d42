"""Turns what the original keeps of persons into ours: accounts, links, preferences, windows, tasks, memories.

A row that does not fit is left out, and its reason counted. Not here: what was said (talk.py), reading (source.py).
Threads: the command's.
"""

from collections import defaultdict
from collections.abc import Sequence

from omi_actors.domain.people.accounts import clean_email
from omi_actors.domain.people.memories import MAX_CHARS, clean_text, fold_for_search
from omi_actors.domain.people.preferences import FIELDS
from omi_actors.store.dialect import build_insert
from omi_actors.store.original.batch import NO_PERSON, THERE, Moved, find, find_accounts, find_owners, keep
from omi_actors.store.original.source import Row
from omi_actors.store.people.preferences import change_preferences, load_preferences
from omi_actors.store.people.recall_index import index_memories
from omi_actors.store.transaction import Transaction

_ACCOUNT = build_insert("account", "id, email, password_hash, display_name, role, created_at, updated_at", THERE)
_LINK = build_insert("omi_link", "id, account_id, omi_uid, is_verified, created_at, verified_at", THERE)
_WINDOW = build_insert("context_window", "account_id, slot, conversation_id, is_active, created_at", THERE)
_TASK = build_insert("agent_event", "id, account_id, conversation_id, kind, payload, created_at", THERE)
_NOTIFICATION = build_insert(
    "notification_event", "id, account_id, channel, status, text, error, created_at, changed_at", THERE
)
_MEMORY = build_insert("memory", "id, account_id, dedupe_key, text, folded, created_at", THERE)

_CHANNELS = {"OMI": "omi", "EMAIL": "email", "PUSH": "push"}
_NOT_SENT = "It was not sent before the move."
_PREFERENCES = {
    "listen_mode": "listenMode",
    "followup_window_ms": "followupWindowMs",
    "activation_regex": "activationRegex",
    "activation_sensitivity": "activationSensitivity",
    "mute": "mute",
    "meeting_transcribe": "meetingTranscribe",
    "inject_memories": "injectMemories",
    "quiet_hours_start": "dndQuietHoursStart",
    "quiet_hours_end": "dndQuietHoursEnd",
}
_SLOTS = range(1, 6)


def move_users(tx: Transaction, rows: Sequence[Row]) -> Moved:
    """Keep accounts with their passwords' hashes. An email that another account has keeps its row out."""
    moved, values = Moved(), []
    emails = {row["id"]: clean_email(row["email"] or "") for row in rows}
    ask, given = "SELECT email, id FROM account WHERE email IN ({marks})", {*filter(None, emails.values())}
    owners = {email: found[1] for email, found in find(tx, ask, given).items()}
    for row in rows:
        email = emails[row["id"]]
        if email is None:
            moved.left_out["its email is no email"] += 1
        elif owners.setdefault(email, row["id"]) != row["id"]:
            moved.left_out["another account has its email"] += 1
        else:
            role = "admin" if row["role"] == "ADMIN" else "user"
            name = clean_text(row["displayName"] or "") or None
            times = row["createdAt"], row["updatedAt"] or row["createdAt"]
            values.append((row["id"], email, row["passwordHash"] or "", name, role, *times))
    keep(tx, moved, _ACCOUNT, values)
    return moved


def move_links(tx: Transaction, rows: Sequence[Row]) -> Moved:
    """Keep links that were confirmed by their code."""
    moved, values, accounts = Moved(), [], find_accounts(tx, rows)
    for row in rows:
        if not row["isVerified"]:
            moved.left_out["it was not confirmed: link the wearable again"] += 1
        elif row["userId"] not in accounts:
            moved.left_out[NO_PERSON] += 1
        else:
            verified_at = row["verifiedAt"] or row["createdAt"]
            values.append((row["id"], row["userId"], row["omiUserId"], True, row["createdAt"], verified_at))
    keep(tx, moved, _LINK, values)
    return moved


def move_preferences(tx: Transaction, rows: Sequence[Row]) -> Moved:
    """Keep preferences of accounts that have entered none here. A value that was never valid is left out."""
    moved, accounts = Moved(), find_accounts(tx, rows)
    for row in rows:
        if row["userId"] not in accounts:
            moved.left_out[NO_PERSON] += 1
        elif load_preferences(tx, row["userId"]).entered:
            moved.there += 1
        else:
            _enter(tx, row)
            moved.kept += 1
    return moved


def _enter(tx: Transaction, row: Row) -> None:
    changes = {}
    for name, column in _PREFERENCES.items():
        try:
            changes[name] = FIELDS[name].take(row[column]) if row[column] is not None else None
        except ValueError:
            changes[name] = None
    default = row["defaultConversationId"]
    # Another's conversation as the default: the original did not check it.
    if change_preferences(tx, row["userId"], changes, default_conversation=(default,)) is None:
        change_preferences(tx, row["userId"], changes, default_conversation=None)


def move_windows(tx: Transaction, rows: Sequence[Row]) -> Moved:
    """Keep windows onto the account's own conversations; one of them is active."""
    moved = Moved()
    owners = find_owners(tx, rows)
    active = {row[0] for row in tx.fetch("SELECT account_id FROM context_window WHERE is_active")} if rows else set()
    values = []
    for row in rows:
        account_id = row["userId"]
        if row["slot"] not in _SLOTS:
            moved.left_out["its slot is not 1 to 5"] += 1
        elif owners.get(row["conversationId"]) != account_id:
            moved.left_out["its conversation is not of its user"] += 1
        else:
            is_active = bool(row["isActive"]) and account_id not in active
            active.update([account_id] if is_active else [])
            values.append((account_id, row["slot"], row["conversationId"], is_active, row["createdAt"]))
    keep(tx, moved, _WINDOW, values)
    return moved


def move_tasks(tx: Transaction, rows: Sequence[Row]) -> Moved:
    """Keep tasks of persons."""
    moved, values, accounts, owners = Moved(), [], find_accounts(tx, rows), find_owners(tx, rows)
    for row in rows:
        if row["userId"] not in accounts:
            moved.left_out[NO_PERSON] += 1
            continue
        talk = row["conversationId"] if owners.get(row["conversationId"]) == row["userId"] else None
        values.append((row["id"], row["userId"], talk, row["type"], row["payload"] or "null", row["createdAt"]))
    keep(tx, moved, _TASK, values)
    return moved


def move_notifications(tx: Transaction, rows: Sequence[Row]) -> Moved:
    """Keep what was sent; what still waited there is kept as not sent, and is never sent."""
    moved, values, accounts = Moved(), [], find_accounts(tx, rows)
    for row in rows:
        channel = _CHANNELS.get(row["channel"])
        if row["userId"] not in accounts:
            moved.left_out[NO_PERSON] += 1
        elif channel is None:
            moved.left_out["its channel is not known"] += 1
        else:
            outcome = ("sent", None) if row["status"] == "sent" else ("error", row["error"] or _NOT_SENT)
            times = row["createdAt"], row["createdAt"]
            values.append((row["id"], row["userId"], channel, outcome[0], row["message"], outcome[1], *times))
    keep(tx, moved, _NOTIFICATION, values)
    return moved


def move_memories(tx: Transaction, rows: Sequence[Row]) -> Moved:
    """Keep memories, and put them into the index of words."""
    moved, accounts = Moved(), find_accounts(tx, rows)
    known = find(tx, "SELECT id FROM memory WHERE id IN ({marks})", {row["id"] for row in rows})
    by_account = defaultdict(list)
    for row in rows:
        text = clean_text(row["text"])
        if row["userId"] not in accounts:
            moved.left_out[NO_PERSON] += 1
        elif not 0 < len(text) <= MAX_CHARS:
            moved.left_out[f"it has no text, or more than {MAX_CHARS} characters"] += 1
        elif row["id"] in known:
            moved.there += 1
        else:
            by_account[row["userId"]].append((row["id"], text, row["createdAt"]))
    for account_id, some in by_account.items():
        values = [(mid, account_id, mid, text, fold_for_search(text), at) for mid, text, at in some]
        keep(tx, moved, _MEMORY, values)
        index_memories(tx, account_id, some)
    return moved
