"""The original's schema, as Prisma writes it for PostgreSQL, and rows that persons could have made.

Not here: the move (omi_actors/store/original/). Threads: the caller's.
"""

from contextlib import closing
from dataclasses import dataclass

import psycopg2

_KEY = '"id" UUID NOT NULL PRIMARY KEY'
_CREATED = '"createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP'
_SCHEMA = f"""
CREATE TYPE "Role" AS ENUM ('USER', 'ADMIN');
CREATE TYPE "MessageRole" AS ENUM ('USER', 'ASSISTANT', 'SYSTEM', 'TOOL');
CREATE TYPE "MessageSource" AS ENUM ('FRONTEND', 'OMI_TRANSCRIPT', 'SYSTEM', 'TOOL');
CREATE TYPE "NotificationChannel" AS ENUM ('OMI', 'EMAIL', 'PUSH');
CREATE TYPE "ListenMode" AS ENUM ('TRIGGER', 'FOLLOWUP', 'ALWAYS');
CREATE TABLE "User" ({_KEY}, "email" TEXT NOT NULL UNIQUE, "passwordHash" TEXT NOT NULL, "displayName" TEXT,
    "role" "Role" NOT NULL DEFAULT 'USER', {_CREATED}, "updatedAt" TIMESTAMP(3) NOT NULL);
CREATE TABLE "AuthSession" ({_KEY}, "userId" UUID NOT NULL, "sessionToken" TEXT NOT NULL UNIQUE,
    "expiresAt" TIMESTAMP(3) NOT NULL, {_CREATED});
CREATE TABLE "OmiUserLink" ({_KEY}, "userId" UUID NOT NULL, "omiUserId" TEXT NOT NULL UNIQUE,
    "isVerified" BOOLEAN NOT NULL DEFAULT false, "verificationCode" TEXT, "verificationExpiresAt" TIMESTAMP(3),
    "verificationAttempts" INTEGER NOT NULL DEFAULT 0, "verifiedAt" TIMESTAMP(3), {_CREATED});
CREATE TABLE "OmiSession" ({_KEY}, "omiSessionId" TEXT NOT NULL UNIQUE, "userId" UUID, "openaiConversationId" TEXT,
    {_CREATED}, "lastSeenAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE "Conversation" ({_KEY}, "userId" UUID, "omiSessionId" UUID, "openaiConversationId" TEXT NOT NULL,
    "title" TEXT, "summary" TEXT, {_CREATED}, "endedAt" TIMESTAMP(3), UNIQUE ("omiSessionId", "openaiConversationId"));
CREATE TABLE "Message" ({_KEY}, "conversationId" UUID NOT NULL, "role" "MessageRole" NOT NULL, "text" TEXT NOT NULL,
    "rawPayload" JSONB, "source" "MessageSource" NOT NULL, {_CREATED});
CREATE TABLE "TranscriptSegment" ({_KEY}, "omiSessionId" UUID NOT NULL, "omiSegmentId" TEXT NOT NULL,
    "text" TEXT NOT NULL, "speaker" TEXT, "speakerId" INTEGER, "isUser" BOOLEAN, "start" DOUBLE PRECISION,
    "end" DOUBLE PRECISION, {_CREATED}, UNIQUE ("omiSessionId", "omiSegmentId"));
CREATE TABLE "UserContextWindow" ({_KEY}, "userId" UUID NOT NULL, "slot" INTEGER NOT NULL,
    "conversationId" UUID NOT NULL, "isActive" BOOLEAN NOT NULL DEFAULT false, {_CREATED}, UNIQUE ("userId", "slot"));
CREATE TABLE "AgentEvent" ({_KEY}, "userId" UUID, "conversationId" UUID, "type" TEXT NOT NULL, "payload" JSONB,
    {_CREATED});
CREATE TABLE "NotificationEvent" ({_KEY}, "userId" UUID, "channel" "NotificationChannel" NOT NULL,
    "message" TEXT NOT NULL, "status" TEXT NOT NULL, "error" TEXT, {_CREATED});
CREATE TABLE "Memory" ({_KEY}, "userId" UUID NOT NULL, "text" TEXT NOT NULL, {_CREATED});
CREATE TABLE "UserPreference" ("userId" UUID NOT NULL PRIMARY KEY, "listenMode" "ListenMode" NOT NULL DEFAULT 'TRIGGER',
    "followupWindowMs" INTEGER NOT NULL DEFAULT 8000, "meetingTranscribe" BOOLEAN NOT NULL DEFAULT false,
    "injectMemories" BOOLEAN NOT NULL DEFAULT false, "defaultConversationId" UUID, "activationRegex" TEXT,
    "activationSensitivity" INTEGER NOT NULL DEFAULT 0, "mute" BOOLEAN NOT NULL DEFAULT false,
    "dndQuietHoursStart" TEXT, "dndQuietHoursEnd" TEXT, {_CREATED}, "updatedAt" TIMESTAMP(3) NOT NULL);
CREATE TABLE "OmiSessionPreference" ("omiSessionId" UUID NOT NULL PRIMARY KEY);
"""
_EPOCH = "TIMESTAMP '2025-06-01 08:00:00'"
# Each statement's `n` counts its rows; ids are made of the table's letter and the number.
_FILL = """
CREATE FUNCTION made(letter TEXT, n BIGINT) RETURNS UUID LANGUAGE sql IMMUTABLE AS
    $$ SELECT md5(letter || n)::uuid $$;
INSERT INTO "User" SELECT made('u', n), 'person' || n || '@example.com', '$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA',
    'Person ' || n, CASE WHEN n = 1 THEN 'ADMIN' ELSE 'USER' END::"Role", {epoch} + n * interval '1 second', {epoch}
    FROM generate_series(1, {users}) n;
INSERT INTO "AuthSession" SELECT made('a', n), made('u', n), 'token' || n, {epoch} FROM generate_series(1, {users}) n;
INSERT INTO "OmiUserLink" ("id", "userId", "omiUserId", "isVerified", "verifiedAt")
    SELECT made('l', n), made('u', n), 'wearable-' || n, true, {epoch} FROM generate_series(1, {users}) n;
INSERT INTO "OmiSession" SELECT made('s', n), 'wearable-' || n, made('u', n), 'conv-' || n, {epoch}, {epoch}
    FROM generate_series(1, {users}) n;
INSERT INTO "Conversation" ("id", "userId", "omiSessionId", "openaiConversationId", "createdAt")
    SELECT made('c', n), made('u', 1 + (n - 1) / 2), CASE WHEN n % 2 = 0 THEN made('s', n / 2) END, 'conv-' || n,
    {epoch} + n * interval '1 minute' FROM generate_series(1, {users} * 2) n;
INSERT INTO "Message" SELECT made('m', n), made('c', 1 + n % ({users} * 2)),
    CASE WHEN n / ({users} * 2) % 2 = 0 THEN 'USER' ELSE 'ASSISTANT' END::"MessageRole",
    'message ' || n || ' about the bicycle of person ' || n % 97, NULL, 'FRONTEND',
    {epoch} + n * interval '37 seconds' FROM generate_series(1, {texts}) n;
INSERT INTO "TranscriptSegment" SELECT made('t', n), made('s', 1 + n % {users}), 'segment-' || n,
    'heard ' || n || ' in the garden with the dog', 'SPEAKER_0' || n % 3, n % 3, n % 3 = 0, n % 500, n % 500 + 1.5,
    {epoch} + n * interval '11 seconds' FROM generate_series(1, {texts}) n;
INSERT INTO "Memory" SELECT made('y', n), made('u', 1 + n % {users}), 'memory ' || n || ': the key lies in drawer ' ||
    n % 31, {epoch} + n * interval '29 seconds' FROM generate_series(1, {texts}) n;
INSERT INTO "AgentEvent" SELECT made('e', n), made('u', 1 + n % {users}), NULL, 'task',
    '{{"title": "Post the letter"}}', {epoch} FROM generate_series(1, {texts} / 10) n;
INSERT INTO "NotificationEvent" SELECT made('n', n), made('u', 1 + n % {users}), 'OMI', 'Your answer ' || n,
    CASE WHEN n % 5 = 0 THEN 'queued' ELSE 'sent' END, NULL, {epoch} FROM generate_series(1, {texts} / 10) n;
INSERT INTO "UserContextWindow" SELECT made('w', n), made('u', n), 1, made('c', n * 2 - 1), true, {epoch}
    FROM generate_series(1, {users}) n;
INSERT INTO "UserPreference" ("userId", "listenMode", "followupWindowMs", "dndQuietHoursStart", "dndQuietHoursEnd",
    "activationRegex", "updatedAt") SELECT made('u', n), 'FOLLOWUP', 12000, '22:00', '07:00', 'hey comp.*', {epoch}
    FROM generate_series(1, {users}) n;
"""


@dataclass(frozen=True, slots=True)
class OriginalPlan:
    """Sizes: `users` persons, and so many texts of each kind: messages, segments and memories."""

    users: int = 1_000
    texts: int = 330_000


def make_original(url: str, plan: OriginalPlan) -> None:
    """Make the tables and their rows in an empty database."""
    with closing(psycopg2.connect(url)) as con, con.cursor() as cursor:
        cursor.execute(_SCHEMA)
        cursor.execute(_FILL.format(epoch=_EPOCH, users=plan.users, texts=plan.texts))
        con.commit()
