WITH periods AS (
    SELECT
        $1::text AS tenant, period, starts, ends,
        least(ends, $6::timestamptz) AS at,
        coalesce(known, 'infinity') AS known,
        $6::timestamptz AS now,
        currency,
        $8::jsonb AS definition,
        plan
    FROM unnest($2::date[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $7::text[], $9::jsonb[])
        AS given (period, starts, ends, known, currency, plan)
)
SELECT
    period,
    segment,
    round(numerator::numeric, 6) AS numerator,
    round(denominator::numeric, 6) AS denominator,
    n::bigint AS n,
    round(value::numeric, 6) AS value,
    parts
FROM (
{formula}
) AS f
ORDER BY period, segment
