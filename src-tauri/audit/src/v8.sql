-- Format 8: entries that are old enough may go, if an entry says so first: one with the event `entries_removed`, whose detail
-- names the last entry that goes and its hash. The links stay, so the chain goes on from there.
CREATE INDEX removals ON entries (id) WHERE event = 'entries_removed';

DROP TRIGGER entries_never_go;
CREATE TRIGGER entries_go_on_the_record BEFORE DELETE ON entries
WHEN NOT EXISTS (
    SELECT 1 FROM entries
    WHERE event = 'entries_removed' AND id > OLD.id AND json_extract(detail, '$.through') >= OLD.id
)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only: entries cannot be removed'); END;

-- For all that is about one user, newest or oldest first.
CREATE INDEX entries_of_user ON entries (user_id, id) WHERE user_id IS NOT NULL;
