INSERT INTO ledger.pseudonyms (tenant, subject, pseudonym)
SELECT $1, given.subject, given.pseudonym
FROM unnest($2::bytea[], $3::uuid[]) AS given (subject, pseudonym)
ON CONFLICT ON CONSTRAINT pseudonyms_pkey DO NOTHING
