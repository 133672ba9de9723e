-- Whom an event names, read in one way. The operators on json fail at a payload that holds the character U+0000 in any of its
-- strings, as clients may send it in `attributes`; text holds it escaped.

CREATE FUNCTION ledger.person_in(payload json) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- A quote within a string is escaped, so this finds members and no text; what clients name as they like begins with `attributes`,
-- which stands behind `user_id`.
RETURN nullif(left(split_part(split_part(payload::text, ',"attributes":{', 1), '"user_id":"', 2), 36), '');
COMMENT ON FUNCTION ledger.person_in IS 'The pseudonym that an event names, its own or that of what it voids; null: it names nobody.';
