-- The team's audit log of Understudy. Run it in the database, as its owner or as a superuser, and again when
-- `understudy audit check` says so: what is there stays, and only what is missing is added. Where nothing is missing, this
-- takes no longer than the inserts that are under way. For a constraint or an index that is missing, PostgreSQL reads the
-- whole table, and lets consoles add no entry meanwhile; they send it later.
--     psql --set ON_ERROR_STOP=1 --dbname {database:plain} --file this-file.sql
-- Needs PostgreSQL 14 or newer.
BEGIN;

-- The consoles log in as this role. It may insert and read, and nothing else. Give it a password (\password in psql), or
-- let it log in with a client certificate.
DO $setup$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {role:literal}) THEN
        CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
    END IF;
END
$setup$;

CREATE SCHEMA IF NOT EXISTS understudy;

-- One row per entry of each console's log. The database itself refuses a line that does not fit its hash, and an entry
-- whose predecessor is missing or is another one: no chain can have a hole or a fork, whoever writes it.
CREATE TABLE IF NOT EXISTS understudy.entries (
    -- The ID of the log that the entry is in: one per operator and computer.
    log           text NOT NULL,
    -- Counted from 1 in each log, without gaps.
    id            bigint NOT NULL CHECK (id >= 1),
    -- SHA-256 of `line`, in lower-case hexadecimal digits.
    hash          text NOT NULL,
    previous_id   bigint,
    previous_hash text,
    -- The entry as canonical JSON (RFC 8785), with the hash of the one before (or the log's ID) as `previous`.
    line          text NOT NULL,
    -- The same, for queries. jsonb cannot hold the character NUL.
    entry         jsonb NOT NULL GENERATED ALWAYS AS (replace(line, '\u0000', '\ufffd')::jsonb) STORED,
    -- Who wrote it, and when, by the server's word: the role may not choose them.
    written_by    text NOT NULL DEFAULT session_user,
    written_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT entries_pkey PRIMARY KEY (log, id),
    -- A chain belongs to the role that began it: with a role for each operator, nobody adds to another one's.
    CONSTRAINT entries_chain_key UNIQUE (log, id, hash, written_by),
    CONSTRAINT entries_follow_previous FOREIGN KEY (log, previous_id, previous_hash, written_by)
        REFERENCES understudy.entries (log, id, hash, written_by),
    -- Every console reads what its colleagues write.
    CONSTRAINT entries_line_is_short CHECK (octet_length(line) <= 262144),
    CONSTRAINT entries_hash_fits_line CHECK (hash = encode(sha256(convert_to(line, 'UTF8')), 'hex')),
    -- Only where a chain begins, or goes on after a gap, is there no `previous_id`.
    CONSTRAINT entries_number_follows CHECK (
        CASE WHEN id = 1 THEN previous_id IS NULL AND previous_hash IS NULL
        ELSE coalesce(previous_id = id - 1, true) AND previous_hash IS NOT NULL END),
    CONSTRAINT entries_line_fits_row CHECK (
        coalesce((entry ->> 'id')::bigint = id AND entry ->> 'previous' = coalesce(previous_hash, log), false)),
    CONSTRAINT entries_line_has_time CHECK (coalesce(jsonb_typeof(entry -> 'at_ms') = 'number', false))
);

-- A console may have lost entries that this database does not have: a backup was put back here, and there they had been
-- removed because of their age. Then the next entry names the last one before the gap.
DO $gap$
DECLARE
    parts CONSTANT text[] := ARRAY(
        SELECT conname::text FROM pg_catalog.pg_constraint WHERE conrelid = 'understudy.entries'::regclass AND convalidated
        UNION ALL SELECT attname::text FROM pg_catalog.pg_attribute
            WHERE attrelid = 'understudy.entries'::regclass AND NOT attisdropped);
BEGIN
    -- ALTER TABLE waits for all who read the table, and keeps others waiting, even if it changes nothing.
    IF NOT parts @> ARRAY['gap_after_id', 'gap_after_hash'] THEN
        ALTER TABLE understudy.entries
            ADD COLUMN IF NOT EXISTS gap_after_id bigint, ADD COLUMN IF NOT EXISTS gap_after_hash text;
    END IF;
    IF NOT parts @> ARRAY['entries_follow_gap'] THEN
        ALTER TABLE understudy.entries DROP CONSTRAINT IF EXISTS entries_follow_gap,
            ADD CONSTRAINT entries_follow_gap FOREIGN KEY (log, gap_after_id, gap_after_hash, written_by)
                REFERENCES understudy.entries (log, id, hash, written_by);
    END IF;
    IF NOT parts @> ARRAY['entries_gap_is_one'] THEN
        ALTER TABLE understudy.entries DROP CONSTRAINT IF EXISTS entries_gap_is_one,
            ADD CONSTRAINT entries_gap_is_one CHECK (
                CASE WHEN gap_after_id IS NULL THEN gap_after_hash IS NULL
                ELSE gap_after_id < id - 1 AND gap_after_hash IS NOT NULL AND previous_id IS NULL END);
    END IF;
END
$gap$;

-- Each chain begins once: with its first entry, or with the first that was still kept when it came here.
DROP INDEX IF EXISTS understudy.entries_begin_once;
CREATE UNIQUE INDEX IF NOT EXISTS entries_chain_begins_once ON understudy.entries (log)
    WHERE previous_id IS NULL AND gap_after_id IS NULL;

CREATE INDEX IF NOT EXISTS entries_by_time ON understudy.entries (((entry ->> 'at_ms')::bigint));
-- PostgreSQL refuses an entry of which an index would hold more than 2.7 kB, so indexes of texts hold their beginnings.
-- Those of an earlier version held all of them.
DROP INDEX IF EXISTS understudy.entries_by_session, understudy.entries_by_user, understudy.entries_by_operator;
CREATE INDEX IF NOT EXISTS entries_of_session ON understudy.entries
    ((left(entry ->> 'session', 200)), (left(entry ->> 'event', 200))) WHERE entry ->> 'session' IS NOT NULL;
CREATE INDEX IF NOT EXISTS entries_of_user ON understudy.entries
    ((left(entry ->> 'connection', 200)), (left(entry ->> 'user_id', 200)), ((entry ->> 'at_ms')::bigint))
    WHERE entry ->> 'event' = 'begun';
-- Consoles ask which sessions are open, and which requests for approval.
CREATE INDEX IF NOT EXISTS entries_begun_lately ON understudy.entries (written_at)
    WHERE entry ->> 'event' = 'begun' AND entry ->> 'mode' IS NOT NULL;
CREATE INDEX IF NOT EXISTS entries_about_approvals ON understudy.entries (written_at)
    WHERE entry ->> 'event' IN ('approval_asked', 'approved', 'approval_declined', 'approval_used', 'glass_broken');
CREATE INDEX IF NOT EXISTS entries_of_operator ON understudy.entries
    ((left(coalesce(nullif(entry ->> 'operator_name', ''), nullif(entry ->> 'operator_email', ''), entry ->> 'os_user'), 200)),
     ((entry ->> 'at_ms')::bigint));

-- Nobody changes or removes an entry by mistake, not even the owner. (Who owns the table can remove the trigger;
-- `understudy audit verify --team` finds out what was done then.)
CREATE OR REPLACE FUNCTION understudy.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only: entries cannot be changed or removed';
END
$body$;
CREATE OR REPLACE TRIGGER entries_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON understudy.entries
    FOR EACH STATEMENT EXECUTE FUNCTION understudy.refuse_change();

-- Consoles tell each other of their entries, on the channel `understudy`, once the entries are there. A trigger would do so
-- in the transaction that inserts, and PostgreSQL commits only one notifying transaction at a time: until it is on the
-- disk, all other consoles wait. An earlier version had one.
DO $body$ BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_trigger
        WHERE tgrelid = 'understudy.entries'::regclass AND tgname = 'entries_are_told') THEN
        DROP TRIGGER entries_are_told ON understudy.entries;
    END IF;
END $body$;
DROP FUNCTION IF EXISTS understudy.tell_entry();

REVOKE ALL ON SCHEMA understudy FROM PUBLIC;
REVOKE ALL ON understudy.entries FROM PUBLIC;
GRANT CONNECT ON DATABASE {database} TO {role};
GRANT USAGE ON SCHEMA understudy TO {role};
GRANT SELECT ON understudy.entries TO {role};
GRANT INSERT (log, id, hash, previous_id, previous_hash, line, gap_after_id, gap_after_hash) ON understudy.entries
    TO {role};
-- Roles of single operators, which were let in by hand.
DO $roles$
DECLARE
    one name;
BEGIN
    FOR one IN
        SELECT r.rolname FROM pg_catalog.pg_attribute a, pg_catalog.aclexplode(a.attacl) AS given, pg_catalog.pg_roles r
        WHERE a.attrelid = 'understudy.entries'::regclass AND a.attname = 'line'
            AND given.privilege_type = 'INSERT' AND r.oid = given.grantee
    LOOP
        EXECUTE format('GRANT INSERT (gap_after_id, gap_after_hash) ON understudy.entries TO %I', one);
    END LOOP;
END
$roles$;

COMMIT;
