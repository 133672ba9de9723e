{parts}
-- What a formula's parts do not have is null: the name is then that of `missing`, as no nearer one is there.
SELECT
    segment, part, numerator, denominator, jsonb_strip_nulls(amounts) AS amounts, value, note, events, NULL AS reason
FROM (
    SELECT told.*
    FROM (
        SELECT NULL::numeric AS numerator, NULL::numeric AS denominator, NULL::jsonb AS amounts, NULL::numeric AS value,
            NULL::text AS note, NULL::text AS events
    ) AS missing
    CROSS JOIN LATERAL (
        SELECT segment, part, numerator::numeric AS numerator, denominator::numeric AS denominator, amounts,
            value::numeric AS value, note, events
        FROM parts
    ) AS told
) AS told
WHERE {is_asked}
UNION ALL
SELECT segment, part, NULL, NULL, NULL, NULL, NULL, events, reason
FROM (
    SELECT left_out.*
    FROM (SELECT NULL::text AS segment, NULL::text AS events, NULL::text AS reason) AS missing
    CROSS JOIN LATERAL (
        SELECT segment, part, events, reason FROM (
{left_out}
        ) AS left_out
    ) AS left_out
) AS left_out
WHERE reason IS NOT NULL AND (segment IS NULL OR {is_asked})
