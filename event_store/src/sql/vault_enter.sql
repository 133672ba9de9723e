INSERT INTO vault.pseudonyms (tenant, subject, pseudonym, key)
SELECT $1, given.subject, given.pseudonym, given.key
FROM unnest($2::bytea[], $3::uuid[], $4::bytea[]) AS given (subject, pseudonym, key)
ON CONFLICT ON CONSTRAINT pseudonyms_pkey DO NOTHING
