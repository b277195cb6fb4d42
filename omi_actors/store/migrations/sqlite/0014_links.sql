-- The wearer is told of a link, and can undo it by a one-time link whose digest stands here.
ALTER TABLE omi_link ADD COLUMN undo_sha256 TEXT;
CREATE UNIQUE INDEX omi_link_undo ON omi_link (undo_sha256);
