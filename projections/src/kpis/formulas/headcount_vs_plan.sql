WITH employments AS ({employments}),
employed AS (
    SELECT function, fte_percent::numeric / 100 AS fte FROM employments WHERE departed_at IS NULL
),
-- Every function, whether anybody works in it or not: who is missing is to be seen.
segments AS (
    SELECT segment, function
    FROM (
        SELECT unnest(ARRAY['engineering', 'product', 'sales', 'marketing', 'customer_success', 'operations'])
        UNION
        SELECT function FROM employed
    ) AS functions (function)
    CROSS JOIN LATERAL (VALUES ('all'), ('function:' || function)) AS split (segment)
)
SELECT
    segment,
    coalesce(sum(fte), 0) AS numerator,
    NULL::numeric AS denominator,
    count(fte) AS n,
    coalesce(sum(fte), 0) AS value,
    '{}'::jsonb AS parts
FROM segments LEFT JOIN employed USING (function)
-- No data before anybody was hired.
WHERE EXISTS (SELECT FROM employments)
GROUP BY segment
