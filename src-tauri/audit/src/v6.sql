-- Format 6: a chain over the entries, and checkpoints of it. Entries stay as they are; the link of each is written by
-- Rust, which computes the hashes, in the transaction of this migration or of the entry.
CREATE TABLE log (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    -- Tells this log from any other. It stands before the first link.
    id  TEXT NOT NULL
) STRICT;
INSERT INTO log (one, id) VALUES (1, lower(hex(randomblob(16))));

CREATE TABLE links (
    entry INTEGER PRIMARY KEY,
    -- SHA-256 of the entry and the hash before it, in lower-case hexadecimal digits.
    hash  TEXT NOT NULL
) STRICT;

CREATE TABLE checkpoints (
    entry     INTEGER NOT NULL,
    at_ms     INTEGER NOT NULL,
    -- The entry's link when it was signed.
    hash      TEXT NOT NULL,
    -- Ed25519, in hexadecimal digits: the public key, and its signature.
    key       TEXT NOT NULL,
    signature TEXT NOT NULL,
    PRIMARY KEY (entry, key)
) STRICT;

CREATE TRIGGER log_never_changes BEFORE UPDATE ON log
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: its ID cannot be changed'); END;
CREATE TRIGGER log_never_goes BEFORE DELETE ON log
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: its ID cannot be removed'); END;

CREATE TRIGGER links_never_change BEFORE UPDATE ON links
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: its chain cannot be changed'); END;
CREATE TRIGGER links_never_go BEFORE DELETE ON links
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: its chain cannot be removed'); END;
CREATE TRIGGER links_follow_their_entries BEFORE INSERT ON links
WHEN NOT EXISTS (SELECT 1 FROM entries WHERE id = NEW.entry) OR NEW.entry <= (SELECT max(entry) FROM links)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: a link follows its entry, in order'); END;

CREATE TRIGGER checkpoints_never_change BEFORE UPDATE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: checkpoints cannot be changed'); END;
CREATE TRIGGER checkpoints_never_go BEFORE DELETE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: checkpoints cannot be removed'); END;
CREATE TRIGGER checkpoints_never_replaced BEFORE INSERT ON checkpoints
WHEN EXISTS (SELECT 1 FROM checkpoints WHERE entry = NEW.entry AND key = NEW.key)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: checkpoints cannot be replaced'); END;
