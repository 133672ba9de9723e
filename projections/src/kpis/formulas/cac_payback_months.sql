WITH {unit_economics_inputs},
parts AS (
    SELECT *
        /*: , to_jsonb(inputs) - ARRAY['segment', 'part', 'events', 'opening_revenue', 'lost_revenue', 'churned_accounts'] AS amounts */
    FROM inputs
)
-- The figure
SELECT
    'all' AS segment,
    cac AS numerator,
    profit AS denominator,
    new_accounts AS n,
    CASE WHEN profit > 0 THEN cac / profit END AS value,
    jsonb_strip_nulls(margin_parts || cac_parts || jsonb_build_object(
        'reason', coalesce(no_profit, no_cac, CASE WHEN profit <= 0 THEN 'no gross profit: it is never paid back' END)
    )) AS parts
FROM ({unit_economics}) AS unit_economics
-- Left out
SELECT segment, part, reason, events FROM ({left_out_subscriptions}) AS left_out WHERE segment = 'all' AND reason <> 'ended'
UNION ALL
SELECT 'all', part, reason, events
FROM (
    {left_out_spend}
    AND (is_cogs OR is_acquisition) AND occurred_at >= (SELECT min(opens) FROM months) AND occurred_at < p.at
) AS left_out
