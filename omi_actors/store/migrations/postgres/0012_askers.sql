-- Who asked a question: its wearer (or a typing owner), or another; with the speaker's label. NULL: not known.
ALTER TABLE message ADD COLUMN asker TEXT CHECK (asker IN ('user', 'other'));
ALTER TABLE message ADD COLUMN speaker TEXT;
-- TRUE from the first segment that Omi recognised as the wearer's.
ALTER TABLE session ADD COLUMN knows_user BOOLEAN;
