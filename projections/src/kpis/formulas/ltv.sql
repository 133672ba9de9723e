WITH {unit_economics_inputs},
parts AS (
    SELECT * /*: , to_jsonb(inputs) - ARRAY['segment', 'part', 'events', 'spend', 'new_accounts'] AS amounts */ FROM inputs
)
-- The figure
SELECT
    'all' AS segment,
    profit AS numerator,
    monthly_churn AS denominator,
    paying_accounts AS n,
    ltv AS value,
    jsonb_strip_nulls(
        margin_parts || churn_parts || jsonb_build_object('reason', coalesce(no_profit, no_churn))
    ) AS parts
FROM ({unit_economics}) AS unit_economics
WHERE opening_revenue > 0 OR revenue > 0
-- Left out
SELECT segment, part, reason, events FROM ({left_out_subscriptions}) AS left_out WHERE segment = 'all' AND reason <> 'ended'
UNION ALL
SELECT 'all', part, reason, events
FROM (
    {left_out_spend}
    AND (is_cogs OR is_acquisition) AND occurred_at >= (SELECT min(opens) FROM months) AND occurred_at < p.at
) AS left_out
