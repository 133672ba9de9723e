WITH seen AS MATERIALIZED (
    SELECT DISTINCT ledger.person_in(payload) AS pseudonym
    FROM unnest($3::integer[], $4::bigint[]) AS bound (partition, position)
    JOIN ledger.events ON events.partition = bound.partition AND events.position >= bound.position
    WHERE tenant = $1 AND ledger.person_in(payload) IS NOT NULL
)
SELECT stored.pseudonym
FROM vault.pseudonyms AS stored
WHERE stored.tenant = $1 AND stored.created_at < $2
    AND NOT EXISTS (SELECT FROM seen WHERE seen.pseudonym = stored.pseudonym::text)
LIMIT $5
