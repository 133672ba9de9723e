WITH month AS (
    SELECT date_trunc('month', (p.at - interval '1 microsecond') AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS starts
),
stage AS (SELECT p.plan -> 'stage' AS stage),
used AS (
    SELECT 'users' AS resource, count(DISTINCT user_id)::numeric AS used, count(*) AS n
    FROM month, LATERAL ({active_interactions} AND occurred_at >= month.starts AND occurred_at < p.at) AS active
    HAVING count(*) > 0
    UNION ALL
    SELECT 'interactions', count(*)::numeric, count(*)
    FROM month, LATERAL ({active_interactions} AND occurred_at >= month.starts AND occurred_at < p.at) AS active
    HAVING count(*) > 0
    UNION ALL
    (
        SELECT 'storage', bytes::numeric, 1 FROM {read}.storage_facts
        WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at < p.at
        ORDER BY occurred_at DESC, storage_id DESC LIMIT 1
    )
    UNION ALL
    SELECT 'cost', sum(amount), count(*)
    FROM {read}.spend_facts, month
    WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at >= month.starts AND occurred_at < p.at
      AND category = 'infrastructure' AND amount_currency = p.currency
    HAVING count(*) > 0
),
held_against AS (
    SELECT resource, used, n, CASE resource
        WHEN 'users' THEN (stage ->> 'users')::numeric
        WHEN 'interactions' THEN (stage ->> 'interactions_per_month')::numeric
        WHEN 'storage' THEN (stage ->> 'storage_tb')::numeric * 1e12
        ELSE (stage ->> 'infrastructure_per_month')::numeric + (stage ->> 'ai_per_month')::numeric
    END AS capacity
    FROM used, stage
)
SELECT 'resource:' || resource AS segment, used AS numerator, capacity AS denominator, n, used / nullif(capacity, 0) AS value,
    '{}'::jsonb AS parts
FROM held_against
UNION ALL
-- The one that runs out first.
(
    SELECT 'all', used, capacity, n, used / nullif(capacity, 0), jsonb_build_object('resource', resource)
    FROM held_against
    WHERE capacity > 0
    ORDER BY used / capacity DESC, resource
    LIMIT 1
)
