WITH parts AS (
    -- No amount where it was in another currency.
    SELECT segment, 'spend:' || spend_id AS part, CASE WHEN amount_currency = p.currency THEN amount END AS numerator,
        NULL::integer AS denominator, true AS is_spend
        /*: , {event} AS events */
    FROM {read}.spend_facts CROSS JOIN LATERAL (VALUES ('all'), ('channel:' || channel)) AS split (segment)
    WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at >= p.starts AND occurred_at < p.at
      AND category = 'marketing' AND segment IS NOT NULL
    UNION ALL
    SELECT segment, 'lead:' || lead_id, NULL, 1, false /*: , {event} */
    FROM {read}.lead_facts CROSS JOIN LATERAL (VALUES ('all'), ('channel:' || channel)) AS split (segment)
    WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at >= p.starts AND occurred_at < p.at
      AND event_type = 'LeadCaptured'
)
-- The figure
SELECT segment, amount AS numerator, n AS denominator, n, amount / nullif(n, 0) AS value, '{}'::jsonb AS parts
FROM (
    SELECT
        segment,
        -- A channel that nothing was spent on costs nothing, where spend is recorded at all.
        CASE WHEN is_spend THEN amount ELSE 0 * max(amount) FILTER (WHERE segment = 'all') OVER () END AS amount,
        n
    FROM (
        SELECT segment, sum(numerator) AS amount, count(denominator) AS n, bool_or(is_spend) AS is_spend FROM parts GROUP BY segment
    ) AS summed
) AS costs
WHERE amount IS NOT NULL OR n > 0
-- Left out
SELECT segment, part, 'in another currency' AS reason, events FROM parts WHERE is_spend AND numerator IS NULL
