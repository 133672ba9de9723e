WITH month AS (
    SELECT date_trunc('month', (p.at - interval '1 microsecond') AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS starts
),
stage AS (SELECT p.plan -> 'stage' AS stage),
active AS MATERIALIZED ({active_interactions} AND occurred_at >= (SELECT starts FROM month) AND occurred_at < p.at),
used AS (
    SELECT 'users' AS resource, count(DISTINCT user_id)::numeric AS used, count(*) AS n FROM active HAVING count(*) > 0
    UNION ALL
    SELECT 'interactions', count(*)::numeric, count(*) FROM active HAVING count(*) > 0
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
/*: ,
-- Counted above all at once, here one by one.
uses AS (
    SELECT 'users' AS resource, 'user:' || user_id AS part, 1::numeric AS used, string_agg(events, ' ') AS events
    FROM active
    WHERE user_id IS NOT NULL
    GROUP BY user_id
    UNION ALL
    SELECT 'interactions', 'interaction:' || interaction_id, 1, events FROM active
    UNION ALL
    (
        SELECT 'storage', 'storage:' || storage_id, bytes::numeric, {event} FROM {read}.storage_facts
        WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at < p.at
        ORDER BY occurred_at DESC, storage_id DESC LIMIT 1
    )
    UNION ALL
    SELECT 'cost', 'spend:' || spend_id, amount, {event}
    FROM {read}.spend_facts, month
    WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at >= month.starts AND occurred_at < p.at
      AND category = 'infrastructure' AND amount_currency = p.currency
),
parts AS (
    SELECT segment, part, used AS numerator, capacity AS denominator, events
    FROM (
        SELECT resource, part, used, NULL::numeric AS capacity, events FROM uses
        UNION ALL
        SELECT resource, 'plan:' || resource, NULL, capacity, NULL FROM held_against
    ) AS both_sides
    CROSS JOIN LATERAL (VALUES ('resource:' || resource), (CASE WHEN resource = (
        SELECT resource FROM held_against WHERE capacity > 0 ORDER BY used / capacity DESC, resource LIMIT 1
    ) THEN 'all' END)) AS split (segment)
    WHERE segment IS NOT NULL
) */
-- The figure
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
-- Left out
SELECT 'resource:interactions' AS segment, part, reason, left_out.events
FROM month, LATERAL ({left_out_interactions} AND occurred_at >= month.starts AND occurred_at < p.at) AS left_out
UNION ALL
SELECT 'resource:cost', part, reason, left_out.events
FROM month, LATERAL (
    {left_out_spend}
    AND category = 'infrastructure' AND occurred_at >= month.starts AND occurred_at < p.at
) AS left_out
