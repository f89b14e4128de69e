-- Format 7: entries that belong to no session, such as a refusal by the policy or a secret that was stored. They have NULL
-- where they have nothing to say, and what their event says besides is JSON in `detail`. As in format 4, the table is
-- rebuilt, and every entry copied as it is: NULL does not count in a hash, so the chain goes on. From here on, a new kind
-- of event needs no new format.
CREATE TABLE entries_of_format_7 (
    id              INTEGER PRIMARY KEY,
    at_ms           INTEGER NOT NULL,
    session         TEXT,
    event           TEXT NOT NULL CHECK (event <> ''),
    operator_name   TEXT NOT NULL,
    operator_email  TEXT NOT NULL,
    os_user         TEXT NOT NULL,
    host            TEXT NOT NULL,
    connection      TEXT,
    connection_name TEXT,
    environment     TEXT,
    user_id         TEXT,
    user_name       TEXT,
    user_email      TEXT,
    reason          TEXT NOT NULL,
    status          INTEGER,
    detail          TEXT NOT NULL,
    app_version     TEXT NOT NULL,
    -- The one word for the operator in lists.
    operator        TEXT NOT NULL AS (coalesce(nullif(operator_name, ''), nullif(operator_email, ''), os_user)),
    sign_out_failed TEXT,
    run             TEXT,
    mode            TEXT,
    held_back       INTEGER,
    ticket          TEXT,
    CHECK (session IS NOT NULL
        OR event NOT IN ('begun', 'active', 'refused', 'extended', 'unlocked', 'locked', 'ended')),
    CHECK (session IS NULL
        OR (connection IS NOT NULL AND connection_name IS NOT NULL AND environment IS NOT NULL AND user_id IS NOT NULL))
) STRICT;

INSERT INTO entries_of_format_7 (id, at_ms, session, event, operator_name, operator_email, os_user, host,
    connection, connection_name, environment, user_id, user_name, user_email,
    reason, status, detail, app_version, sign_out_failed, run, mode, held_back, ticket)
SELECT id, at_ms, session, event, operator_name, operator_email, os_user, host,
    connection, connection_name, environment, user_id, user_name, user_email,
    reason, status, detail, app_version, sign_out_failed, run, mode, held_back, ticket
FROM entries ORDER BY id;

-- It names the table, so it would prevent the renaming.
DROP TRIGGER links_follow_their_entries;
-- This also drops its triggers and indexes.
DROP TABLE entries;
ALTER TABLE entries_of_format_7 RENAME TO entries;

CREATE INDEX entries_of_session ON entries (session, event);
CREATE INDEX sessions_of_user ON entries (connection, user_id, id) WHERE event = 'begun';
CREATE INDEX sessions_of_operator ON entries (connection, operator, id) WHERE event = 'begun';

CREATE TRIGGER entries_never_change BEFORE UPDATE ON entries
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: entries cannot be changed'); END;

CREATE TRIGGER entries_never_go BEFORE DELETE ON entries
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: entries cannot be removed'); END;

-- INSERT OR REPLACE deletes rows without firing the trigger above.
CREATE TRIGGER entries_never_replaced BEFORE INSERT ON entries
WHEN EXISTS (SELECT 1 FROM entries WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: entries cannot be replaced'); END;

CREATE TRIGGER begun_is_first BEFORE INSERT ON entries
WHEN NEW.session IS NOT NULL AND NEW.event <> 'begun'
    AND NOT EXISTS (SELECT 1 FROM entries WHERE session = NEW.session AND event = 'begun')
BEGIN SELECT RAISE(ABORT, 'this session was never begun'); END;

CREATE TRIGGER begun_is_once BEFORE INSERT ON entries
WHEN NEW.event = 'begun' AND EXISTS (SELECT 1 FROM entries WHERE session = NEW.session)
BEGIN SELECT RAISE(ABORT, 'this session was begun before'); END;

CREATE TRIGGER ended_is_last BEFORE INSERT ON entries
WHEN NEW.event <> 'begun' AND EXISTS (SELECT 1 FROM entries WHERE session = NEW.session AND event = 'ended')
BEGIN SELECT RAISE(ABORT, 'this session has ended'); END;

CREATE TRIGGER links_follow_their_entries BEFORE INSERT ON links
WHEN NOT EXISTS (SELECT 1 FROM entries WHERE id = NEW.entry) OR NEW.entry <= (SELECT max(entry) FROM links)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: a link follows its entry, in order'); END;
