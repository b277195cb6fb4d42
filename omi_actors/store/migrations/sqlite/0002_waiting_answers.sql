-- Answers that nobody has begun to give are looked for every few seconds; there are few of them at any time.
CREATE INDEX delivery_waiting ON delivery (created_at) WHERE state = 'pending' AND channel = '';
