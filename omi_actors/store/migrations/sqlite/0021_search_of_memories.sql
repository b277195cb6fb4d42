-- A search reads all texts of a person: from this index, where they stand together.
CREATE INDEX memory_search ON memory (account_id, created_at, id, folded);
