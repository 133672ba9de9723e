SELECT
    p.period,
    f.segment,
    round(f.numerator::numeric, 6) AS numerator,
    round(f.denominator::numeric, 6) AS denominator,
    f.n::bigint AS n,
    round(f.value::numeric, 6) AS value,
    f.parts
FROM (
    SELECT
        $1::text AS tenant, period, starts, ends,
        least(ends, $6::timestamptz) AS at,
        coalesce(known, 'infinity') AS known,
        $7::text AS currency,
        $8::jsonb AS definition
    FROM unnest($2::date[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[]) AS given (period, starts, ends, known)
) AS p
CROSS JOIN LATERAL (
{formula}
) AS f
ORDER BY p.period, f.segment
