-- Format 2: an end also says why its sign-out did not go through. No entry is touched: what was written
-- before says nothing about it.
ALTER TABLE entries ADD COLUMN sign_out_failed TEXT;
