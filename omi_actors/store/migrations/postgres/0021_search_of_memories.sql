-- A search reads all texts of a person: from this index, where they stand together. It cannot hold long ones.
CREATE INDEX memory_search ON memory (account_id, created_at, id) INCLUDE (folded) WHERE octet_length(folded) <= 2000;
CREATE INDEX memory_search_long ON memory (account_id, created_at, id) WHERE octet_length(folded) > 2000;
