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
        $6::timestamptz AS now,
        currency,
        $8::jsonb AS definition,
        plan
    FROM unnest($2::date[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $7::text[], $9::jsonb[])
        AS given (period, starts, ends, known, currency, plan)
) AS p
CROSS JOIN LATERAL (
{formula}
) AS f
ORDER BY p.period, f.segment
