WITH spend AS (
    -- No amount where all of it was in other currencies.
    SELECT segment, sum(amount) FILTER (WHERE amount_currency = p.currency) AS amount
    FROM {read}.spend_facts CROSS JOIN LATERAL (VALUES ('all'), ('channel:' || channel)) AS split (segment)
    WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at >= p.starts AND occurred_at < p.at
      AND category = 'marketing' AND segment IS NOT NULL
    GROUP BY segment
),
leads AS (
    SELECT segment, count(*) AS n
    FROM {read}.lead_facts CROSS JOIN LATERAL (VALUES ('all'), ('channel:' || channel)) AS split (segment)
    WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at >= p.starts AND occurred_at < p.at
      AND event_type = 'LeadCaptured'
    GROUP BY segment
),
-- A channel that nothing was spent on costs nothing, where spend is recorded at all.
costs AS (
    SELECT
        segment,
        CASE WHEN spend.segment IS NULL THEN 0 * whole.amount ELSE spend.amount END AS amount,
        coalesce(leads.n, 0) AS n
    FROM spend FULL JOIN leads USING (segment)
    LEFT JOIN (SELECT amount FROM spend WHERE segment = 'all') AS whole ON true
)
SELECT segment, amount AS numerator, n AS denominator, n, amount / nullif(n, 0) AS value, '{}'::jsonb AS parts
FROM costs
WHERE amount IS NOT NULL OR n > 0
