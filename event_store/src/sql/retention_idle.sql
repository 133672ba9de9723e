WITH seen AS MATERIALIZED (
    SELECT person FROM ledger.people_between($1, $3, $4, $5) AS person
)
SELECT stored.pseudonym
FROM vault.pseudonyms AS stored
WHERE stored.tenant = $1 AND stored.created_at < $2
    AND NOT EXISTS (SELECT FROM seen WHERE seen.person = stored.pseudonym::text)
LIMIT $6
