WITH parts AS (
    SELECT segment, part, account_id, monthly AS numerator /*: , plan AS note, events */
    FROM ({recurring_revenue}) AS recurring_revenue
)
-- The figure
SELECT
    segment,
    coalesce(sum(numerator), 0) AS numerator,
    NULL::numeric AS denominator,
    count(DISTINCT account_id) FILTER (WHERE numerator IS NOT NULL) AS n,
    coalesce(sum(numerator), 0) AS value,
    '{}'::jsonb AS parts
FROM parts
GROUP BY segment
-- Left out
{left_out_subscriptions}
