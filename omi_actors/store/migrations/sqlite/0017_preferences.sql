-- What a person has entered as preferences, in JSON, half-typed texts included: the listen mode, the window, the
-- pattern, the sensitivity, quiet hours and the time zone stand here, and not in their older columns. Flags that other
-- statements read, the default conversation and the space keep their columns.
ALTER TABLE user_preference ADD COLUMN entered TEXT NOT NULL DEFAULT '{}';
CREATE INDEX user_preference_updated ON user_preference (updated_at);
