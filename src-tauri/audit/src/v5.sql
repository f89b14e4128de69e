-- Format 5: a session can be for a ticket.
ALTER TABLE entries ADD COLUMN ticket TEXT;
