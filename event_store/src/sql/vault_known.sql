SELECT subject, pseudonym, CASE WHEN $3 THEN key END AS key
FROM vault.pseudonyms
WHERE tenant = $1 AND subject = ANY ($2)
