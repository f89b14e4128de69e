-- What `understudy audit setup` printed first.
-- The team's audit log of Understudy. Run it once, in the database, as its owner or as a superuser:
--     psql --set ON_ERROR_STOP=1 --dbname audit --file this-file.sql
-- Needs PostgreSQL 14 or newer.
BEGIN;

-- The consoles log in as this role. It may insert and read, and nothing else. Give it a password (\password in psql), or
-- let it log in with a client certificate.
DO $setup$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'understudy') THEN
        CREATE ROLE understudy LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
    END IF;
END
$setup$;

CREATE SCHEMA understudy;

-- One row per entry of each console's log. The database itself refuses a line that does not fit its hash, and an entry
-- whose predecessor is missing or is another one: no chain can have a hole or a fork, whoever writes it.
CREATE TABLE understudy.entries (
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
    -- Only where a chain begins is there no `previous_id`.
    CONSTRAINT entries_number_follows CHECK (
        CASE WHEN id = 1 THEN previous_id IS NULL AND previous_hash IS NULL
        ELSE coalesce(previous_id = id - 1, true) AND previous_hash IS NOT NULL END),
    CONSTRAINT entries_line_fits_row CHECK (
        coalesce((entry ->> 'id')::bigint = id AND entry ->> 'previous' = coalesce(previous_hash, log), false)),
    CONSTRAINT entries_line_has_time CHECK (coalesce(jsonb_typeof(entry -> 'at_ms') = 'number', false))
);

-- Each chain begins once: with its first entry, or with the first that was still kept when it came here.
CREATE UNIQUE INDEX entries_begin_once ON understudy.entries (log) WHERE previous_id IS NULL;

CREATE INDEX entries_by_time ON understudy.entries (((entry ->> 'at_ms')::bigint));
CREATE INDEX entries_by_session ON understudy.entries ((entry ->> 'session'), (entry ->> 'event'))
    WHERE entry ->> 'session' IS NOT NULL;
CREATE INDEX entries_by_user ON understudy.entries
    ((entry ->> 'connection'), (entry ->> 'user_id'), ((entry ->> 'at_ms')::bigint)) WHERE entry ->> 'event' = 'begun';
-- Consoles ask which sessions are open, and which requests for approval.
CREATE INDEX entries_begun_lately ON understudy.entries (written_at)
    WHERE entry ->> 'event' = 'begun' AND entry ->> 'mode' IS NOT NULL;
CREATE INDEX entries_about_approvals ON understudy.entries (written_at)
    WHERE entry ->> 'event' IN ('approval_asked', 'approved', 'approval_declined', 'approval_used', 'glass_broken');
CREATE INDEX entries_by_operator ON understudy.entries
    ((coalesce(nullif(entry ->> 'operator_name', ''), nullif(entry ->> 'operator_email', ''), entry ->> 'os_user')),
     ((entry ->> 'at_ms')::bigint));

-- Nobody changes or removes an entry by mistake, not even the owner. (Who owns the table can remove the trigger;
-- `understudy audit verify --team` finds out what was done then.)
CREATE FUNCTION understudy.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only: entries cannot be changed or removed';
END
$body$;
CREATE TRIGGER entries_never_change BEFORE UPDATE OR DELETE OR TRUNCATE ON understudy.entries
    FOR EACH STATEMENT EXECUTE FUNCTION understudy.refuse_change();

-- Consoles listen on the channel `understudy`, to know what their colleagues do.
CREATE FUNCTION understudy.tell_entry() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    PERFORM pg_notify('understudy', jsonb_strip_nulls(jsonb_build_object(
        'log', left(NEW.log, 200),
        'id', NEW.id,
        'event', left(NEW.entry ->> 'event', 200),
        'session', left(NEW.entry ->> 'session', 200),
        'connection', left(NEW.entry ->> 'connection', 200),
        'user_id', left(NEW.entry ->> 'user_id', 200)))::text);
    RETURN NULL;
END
$body$;
CREATE TRIGGER entries_are_told AFTER INSERT ON understudy.entries
    FOR EACH ROW EXECUTE FUNCTION understudy.tell_entry();

REVOKE ALL ON SCHEMA understudy FROM PUBLIC;
REVOKE ALL ON understudy.entries FROM PUBLIC;
GRANT CONNECT ON DATABASE audit TO understudy;
GRANT USAGE ON SCHEMA understudy TO understudy;
GRANT SELECT ON understudy.entries TO understudy;
GRANT INSERT (log, id, hash, previous_id, previous_hash, line) ON understudy.entries TO understudy;

COMMIT;
