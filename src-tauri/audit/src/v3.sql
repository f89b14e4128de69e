-- Format 3: a session can be *extended*, and an entry names the run of Understudy that wrote it, so that another run
-- can tell whether that one is still alive. SQLite cannot change a CHECK in place, so the table is rebuilt and every
-- entry copied as it is. The run of older entries is unknown.
CREATE TABLE entries_of_format_3 (
    id              INTEGER PRIMARY KEY,
    at_ms           INTEGER NOT NULL,
    session         TEXT NOT NULL,
    event           TEXT NOT NULL CHECK (event IN ('begun', 'active', 'refused', 'extended', 'ended')),
    operator_name   TEXT NOT NULL,
    operator_email  TEXT NOT NULL,
    os_user         TEXT NOT NULL,
    host            TEXT NOT NULL,
    connection      TEXT NOT NULL,
    connection_name TEXT NOT NULL,
    environment     TEXT NOT NULL,
    user_id         TEXT NOT NULL,
    user_name       TEXT,
    user_email      TEXT,
    reason          TEXT NOT NULL,
    status          INTEGER,
    detail          TEXT NOT NULL,
    app_version     TEXT NOT NULL,
    -- The one word for the operator in lists.
    operator        TEXT NOT NULL AS (coalesce(nullif(operator_name, ''), nullif(operator_email, ''), os_user)),
    sign_out_failed TEXT,
    run             TEXT
) STRICT;

INSERT INTO entries_of_format_3 (id, at_ms, session, event, operator_name, operator_email, os_user, host,
    connection, connection_name, environment, user_id, user_name, user_email,
    reason, status, detail, app_version, sign_out_failed)
SELECT id, at_ms, session, event, operator_name, operator_email, os_user, host,
    connection, connection_name, environment, user_id, user_name, user_email,
    reason, status, detail, app_version, sign_out_failed
FROM entries ORDER BY id;

-- This also drops its triggers and indexes.
DROP TABLE entries;
ALTER TABLE entries_of_format_3 RENAME TO entries;

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
WHEN NEW.event <> 'begun' AND NOT EXISTS (SELECT 1 FROM entries WHERE session = NEW.session AND event = 'begun')
BEGIN SELECT RAISE(ABORT, 'this session was never begun'); END;

CREATE TRIGGER begun_is_once BEFORE INSERT ON entries
WHEN NEW.event = 'begun' AND EXISTS (SELECT 1 FROM entries WHERE session = NEW.session)
BEGIN SELECT RAISE(ABORT, 'this session was begun before'); END;

CREATE TRIGGER ended_is_last BEFORE INSERT ON entries
WHEN NEW.event <> 'begun' AND EXISTS (SELECT 1 FROM entries WHERE session = NEW.session AND event = 'ended')
BEGIN SELECT RAISE(ABORT, 'this session has ended'); END;
