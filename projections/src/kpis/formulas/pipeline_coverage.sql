WITH quarter AS (
    -- The one that holds the last moment looked at.
    SELECT date_trunc('quarter', (p.at - interval '1 microsecond') AT TIME ZONE 'UTC')::date AS first_day
),
pipeline AS (
    SELECT team, annual_value FROM ({deals}) AS deals, quarter
    WHERE closed_at IS NULL AND is_qualified AND annual_value IS NOT NULL
      AND expected_close >= quarter.first_day AND expected_close < quarter.first_day + interval '3 months'
),
quotas AS (
    SELECT DISTINCT ON (quota_id) team, amount FROM {read}.quota_facts, quarter
    WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at < p.at AND quarter = quarter.first_day
      AND amount_currency = p.currency
    ORDER BY quota_id, occurred_at DESC, sequence DESC
),
-- The company's quota; where none is set, its teams' together.
held_against AS (
    SELECT 'all' AS segment, coalesce(sum(amount) FILTER (WHERE team IS NULL), sum(amount)) AS quota FROM quotas
    UNION ALL
    SELECT 'team:' || team, sum(amount) FROM quotas WHERE team IS NOT NULL GROUP BY team
),
open AS (
    SELECT segment, sum(annual_value) AS value, count(*) AS n
    FROM pipeline CROSS JOIN LATERAL (VALUES ('all'), ('team:' || team)) AS split (segment)
    GROUP BY segment
)
SELECT
    segment,
    coalesce(open.value, 0) AS numerator,
    quota AS denominator,
    coalesce(open.n, 0) AS n,
    coalesce(open.value, 0) / nullif(quota, 0) AS value,
    '{}'::jsonb AS parts
FROM held_against FULL JOIN open USING (segment)
WHERE open.n IS NOT NULL OR quota IS NOT NULL
