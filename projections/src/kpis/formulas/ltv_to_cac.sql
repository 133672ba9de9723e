WITH {unit_economics_inputs},
parts AS (
    SELECT * /*: , to_jsonb(inputs) - ARRAY['segment', 'part', 'events'] AS amounts */ FROM inputs
)
-- The figure
SELECT
    'all' AS segment,
    ltv AS numerator,
    cac AS denominator,
    new_accounts AS n,
    CASE WHEN cac > 0 THEN ltv / cac END AS value,
    jsonb_strip_nulls(margin_parts || churn_parts || cac_parts || jsonb_build_object(
        'reason', coalesce(no_profit, no_churn, no_cac, CASE WHEN cac <= 0 THEN 'winning customers cost nothing' END)
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
