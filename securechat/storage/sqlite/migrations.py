"""The schema, as the ordered steps that lead to it. A step that has been released is never edited: add another."""

from __future__ import annotations

from typing import Final

_FIRST: Final = """
-- What records are ordered in. `seq` and `time` are those of the newest record.
CREATE TABLE streams (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    epoch INTEGER NOT NULL DEFAULT 0,
    seq INTEGER NOT NULL DEFAULT 0,
    time INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The history. Everything below can be computed from it, but for the verifiers and the ids of messages.
CREATE TABLE records (
    stream INTEGER NOT NULL REFERENCES streams,
    seq INTEGER NOT NULL,
    msgid TEXT NOT NULL,
    time INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX records_by_msgid ON records (msgid);
CREATE INDEX messages ON records (stream, seq) WHERE kind = 'Posted';

-- Messages are stored once per (account, id the client gave).
CREATE TABLE once (
    account TEXT NOT NULL,
    id TEXT NOT NULL,
    digest BLOB NOT NULL,
    stream INTEGER NOT NULL REFERENCES streams,
    seq INTEGER NOT NULL,
    PRIMARY KEY (account, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    stream INTEGER NOT NULL UNIQUE REFERENCES streams,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    verifier TEXT NOT NULL,
    enabled INTEGER NOT NULL DEFAULT 1,
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Every name that was ever an account's.
CREATE TABLE names (
    folded TEXT PRIMARY KEY,
    skeleton TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL REFERENCES accounts
) STRICT, WITHOUT ROWID;

CREATE TABLE devices (
    account TEXT NOT NULL REFERENCES accounts,
    id TEXT NOT NULL,
    label TEXT NOT NULL,
    digest TEXT NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (account, id)
) STRICT, WITHOUT ROWID;

-- Living channels, by their stream.
CREATE TABLE channels (
    stream INTEGER PRIMARY KEY REFERENCES streams,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    folded TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    modes TEXT NOT NULL,
    key TEXT NOT NULL DEFAULT '',
    member_limit INTEGER NOT NULL DEFAULT 0,
    topic TEXT NOT NULL DEFAULT '',
    topic_by TEXT NOT NULL DEFAULT '',
    topic_time INTEGER NOT NULL DEFAULT 0,
    written INTEGER NOT NULL DEFAULT 0
) STRICT;

-- `since` is the seq of the Joined.
CREATE TABLE members (
    channel INTEGER NOT NULL REFERENCES channels ON DELETE CASCADE,
    account TEXT NOT NULL REFERENCES accounts,
    role TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (channel, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_account ON members (account);

-- Memberships that have ended: from the seq of the Joined to that of the Left or Kicked.
CREATE TABLE former_members (
    channel INTEGER NOT NULL REFERENCES channels ON DELETE CASCADE,
    account TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (channel, account, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE former_roles (
    channel INTEGER NOT NULL REFERENCES channels ON DELETE CASCADE,
    account TEXT NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (channel, account)
) STRICT, WITHOUT ROWID;

CREATE TABLE invites (
    channel INTEGER NOT NULL REFERENCES channels ON DELETE CASCADE,
    account TEXT NOT NULL,
    PRIMARY KEY (channel, account)
) STRICT, WITHOUT ROWID;

CREATE TABLE bans (
    channel INTEGER NOT NULL REFERENCES channels ON DELETE CASCADE,
    mask TEXT NOT NULL,
    set_by TEXT NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY (channel, mask)
) STRICT, WITHOUT ROWID;

-- When a channel was not open to all: from the record that closed it to the last before the one that opened it.
CREATE TABLE closures (
    channel INTEGER NOT NULL REFERENCES channels ON DELETE CASCADE,
    first INTEGER NOT NULL,
    last INTEGER,
    PRIMARY KEY (channel, first)
) STRICT, WITHOUT ROWID;

-- The direct conversations of each account.
CREATE TABLE directs (
    account TEXT NOT NULL REFERENCES accounts,
    stream INTEGER NOT NULL REFERENCES streams,
    PRIMARY KEY (account, stream)
) STRICT, WITHOUT ROWID;
"""

_SECOND: Final = """
-- A deleted account stays, for its records name it.
ALTER TABLE accounts ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;

-- Records of a direct conversation, by seq, during which `account` ignored `ignored`; it still does where `last` is NULL.
CREATE TABLE ignores (
    account TEXT NOT NULL REFERENCES accounts,
    ignored TEXT NOT NULL REFERENCES accounts,
    first INTEGER NOT NULL,
    last INTEGER,
    PRIMARY KEY (account, ignored, first)
) STRICT, WITHOUT ROWID;

-- Accounts whose erased text may still be in free space of the file, or in the WAL.
CREATE TABLE erasures (
    account TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
"""

_THIRD: Final = """
-- Redacted: messages and reactions that are redacted but whose text may still be in the WAL, and its digest in `once`.
CREATE TABLE redactions (
    stream INTEGER NOT NULL REFERENCES streams,
    seq INTEGER NOT NULL,
    account TEXT NOT NULL,
    PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;
-- Reacted, Unreacted: what each account did about each message.
CREATE INDEX reactions ON records (stream, json_extract(body, '$.msgid'), json_extract(body, '$.account'))
    WHERE kind IN ('Reacted', 'Unreacted');

-- channels: slow mode, the lists b, e and I in one table, and the names a renamed channel keeps to itself.
ALTER TABLE channels ADD COLUMN slow INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN renamed INTEGER NOT NULL DEFAULT 0;
CREATE TABLE masks (
    channel INTEGER NOT NULL REFERENCES channels ON DELETE CASCADE,
    kind TEXT NOT NULL,
    mask TEXT NOT NULL,
    set_by TEXT NOT NULL,
    time INTEGER NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (channel, kind, mask)
) STRICT, WITHOUT ROWID;
INSERT INTO masks SELECT channel, 'b', mask, set_by, time, 0 FROM bans;
DROP TABLE bans;
-- When each account last posted while the channel was slow.
CREATE TABLE spoken (
    channel INTEGER NOT NULL REFERENCES channels ON DELETE CASCADE,
    account TEXT NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY (channel, account)
) STRICT, WITHOUT ROWID;
CREATE TABLE former_names (
    folded TEXT PRIMARY KEY,
    channel INTEGER NOT NULL REFERENCES channels ON DELETE CASCADE,
    name TEXT NOT NULL,
    place INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- What channels were called when they were dropped; those dropped before this are still called as they began.
CREATE TABLE dropped (
    channel INTEGER PRIMARY KEY REFERENCES streams,
    name TEXT NOT NULL
) STRICT;

-- replay: up to which record each device, by the name it gives itself or its id, was sent a conversation; in the stream
-- of its account, when it last came (ms since 1970).
CREATE TABLE positions (
    account TEXT NOT NULL REFERENCES accounts,
    device TEXT NOT NULL,
    stream INTEGER NOT NULL REFERENCES streams,
    seq INTEGER NOT NULL,
    PRIMARY KEY (account, device, stream)
) STRICT, WITHOUT ROWID;
-- Up to when (ms since 1970) each account has read a conversation.
CREATE TABLE marks (
    account TEXT NOT NULL REFERENCES accounts,
    stream TEXT NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY (account, stream)
) STRICT, WITHOUT ROWID;
-- MetadataSet: what each account says of itself.
CREATE TABLE metadata (
    account TEXT NOT NULL REFERENCES accounts,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (account, key)
) STRICT, WITHOUT ROWID;
-- search: the words of messages (`storage.sqlite.fulltext`), a row for each, numbered (stream << 32) + seq, and which
-- words there are. Merging is done in small steps (`indexing`) rather than when SQLite sees fit.
CREATE VIRTUAL TABLE words USING fts5 (said, content='', columnsize=0, tokenize='ascii', prefix='2 3');
INSERT INTO words (words, rank) VALUES ('secure-delete', 1), ('automerge', 0), ('crisismerge', 1999);
CREATE VIRTUAL TABLE vocabulary USING fts5vocab (words, 'row');
-- By which rules texts were taken apart into them; by others they are to be made anew.
CREATE TABLE word_rules (
    name TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
-- Up to which record the words of a stream's messages are there; nothing else says how far that has come.
ALTER TABLE streams ADD COLUMN indexed INTEGER NOT NULL DEFAULT 0;
"""

_FOURTH: Final = """
-- audit: what ties the records of the stream 's' together, by seq; and from where sign-ins were rejected, by the seq of the
-- record that says so, apart from it: that is deleted after a time.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    hash BLOB NOT NULL
) STRICT;
CREATE TABLE audit_addresses (
    seq INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    address TEXT NOT NULL
) STRICT;
-- invitations: those that are open, with the SHA-256 of their tokens.
CREATE TABLE invitations (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    channels TEXT NOT NULL,
    uses_left INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    name TEXT NOT NULL,
    account TEXT NOT NULL,
    made_by TEXT NOT NULL,
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX invitations_by_end ON invitations (expires);
-- certificates: those issued to people, by serial (hexadecimal), and those revoked, of whatever CA (times in ms since 1970).
CREATE TABLE certificates (
    serial TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts,
    label TEXT NOT NULL,
    issued INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE revoked_certificates (
    serial TEXT PRIMARY KEY,
    time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- guessing: passwords that were wrong lately, and from where accounts have signed in. Where that was are digests under a
-- key, and of names that nobody has nothing is kept.
CREATE TABLE guess_key (
    key BLOB NOT NULL
) STRICT;
INSERT INTO guess_key VALUES (randomblob(32));
CREATE TABLE guesses (
    time INTEGER NOT NULL,
    account TEXT NOT NULL,
    own TEXT NOT NULL,
    near TEXT NOT NULL,
    far TEXT NOT NULL
) STRICT;
CREATE INDEX guesses_by_time ON guesses (time);
CREATE TABLE places (
    account TEXT NOT NULL REFERENCES accounts,
    place TEXT NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY (account, place)
) STRICT, WITHOUT ROWID;
-- retention: up to which record a stream is gone, when that was made, and for how many days a channel is kept where that
-- was set for it, 0: for ever. Traces: of what is gone there may be some in the index of words, in `once` and in the WAL.
ALTER TABLE streams ADD COLUMN floor INTEGER NOT NULL DEFAULT 0;
ALTER TABLE streams ADD COLUMN floor_time INTEGER NOT NULL DEFAULT 0;
ALTER TABLE streams ADD COLUMN retention INTEGER;
CREATE TABLE traces (
    kind TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
-- Of very many memberships those in which nothing was said go: they tell nobody which message may be read.
DELETE FROM former_members
WHERE (channel, account) IN (SELECT channel, account FROM former_members GROUP BY 1, 2 HAVING count(*) > 100)
AND NOT EXISTS (
    SELECT 1 FROM records INDEXED BY messages
    WHERE stream = channel AND kind = 'Posted' AND seq BETWEEN first AND last);
"""

MIGRATIONS: Final[tuple[str, ...]] = (_FIRST, _SECOND, _THIRD, _FOURTH)
"""Step n leads from version n (`PRAGMA user_version`) to version n + 1."""
