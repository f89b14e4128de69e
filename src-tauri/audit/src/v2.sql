-- Format 2: an end also says why its sign-out failed. Existing entries stay as they are, with NULL in this column.
ALTER TABLE entries ADD COLUMN sign_out_failed TEXT;
