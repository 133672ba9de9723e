WITH employments AS ({employments}),
employed AS (
    SELECT function, employment_id, fte_percent::numeric / 100 AS fte /*: , events */ FROM employments WHERE departed_at IS NULL
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
),
parts AS (
    SELECT segment, 'employment:' || employment_id AS part, fte AS numerator /*: , events */
    FROM segments LEFT JOIN employed USING (function)
    -- No data before anybody was hired.
    WHERE EXISTS (SELECT FROM employments)
)
-- The figure
SELECT
    segment,
    coalesce(sum(numerator), 0) AS numerator,
    NULL::numeric AS denominator,
    count(numerator) AS n,
    coalesce(sum(numerator), 0) AS value,
    '{}'::jsonb AS parts
FROM parts
GROUP BY segment
-- Left out
SELECT segment, 'employment:' || employment_id AS part, 'departed' AS reason, events
FROM employments CROSS JOIN LATERAL (VALUES ('all'), ('function:' || function)) AS split (segment)
WHERE departed_at >= p.starts
