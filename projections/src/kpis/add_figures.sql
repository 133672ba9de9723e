INSERT INTO figures (
    tenant, kpi, grain, definition, period, segment, numerator, denominator, n, value, parts, target, status, plan_version,
    is_partial, restated_from
)
SELECT $1, $2, $3, given.*
FROM unnest(
    $4::integer[], $5::date[], $6::text[], $7::numeric[], $8::numeric[], $9::bigint[], $10::numeric[], $11::jsonb[],
    $12::numeric[], $13::text[], $14::integer[], $15::boolean[], $16::numeric[]
) AS given
