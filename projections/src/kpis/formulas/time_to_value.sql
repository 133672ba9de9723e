WITH people AS (
    SELECT 'users' AS who, user_id::text AS id, min(occurred_at) AS began
    FROM {read}.sign_up_facts
    WHERE tenant = p.tenant AND recorded_at < p.known
    GROUP BY user_id
    HAVING min(occurred_at) >= p.starts AND min(occurred_at) < p.ends
),
customers AS (
    SELECT 'customers' AS who, account_id AS id, min(occurred_at) AS began
    FROM {read}.subscription_facts
    WHERE tenant = p.tenant AND recorded_at < p.known AND event_type = 'SubscriptionStarted'
    GROUP BY account_id
    HAVING min(occurred_at) >= p.starts AND min(occurred_at) < p.ends
),
reached AS (
    SELECT people.who, people.id, people.began, min(active.occurred_at) AS at
    FROM people
    LEFT JOIN ({active_interactions} AND occurred_at >= p.starts AND occurred_at < p.now) AS active
        ON active.user_id = people.id::uuid AND active.occurred_at >= people.began
    GROUP BY people.who, people.id, people.began
    UNION ALL
    SELECT customers.who, customers.id, customers.began, min(active.occurred_at)
    FROM customers
    LEFT JOIN {read}.sign_up_facts AS sign_ups
        ON sign_ups.tenant = p.tenant AND sign_ups.account_id = customers.id AND sign_ups.recorded_at < p.known
    LEFT JOIN ({active_interactions} AND occurred_at >= p.starts AND occurred_at < p.now) AS active
        ON active.user_id = sign_ups.user_id AND active.occurred_at >= customers.began
    GROUP BY customers.who, customers.id, customers.began
),
timed AS (
    SELECT who, at IS NOT NULL AS is_reached, extract(epoch FROM at - began) / 86400 AS days FROM reached
)
-- Whoever is not there yet takes longer than all who are: they come last in the order, and the median is theirs to withhold.
SELECT
    segment,
    count(*) FILTER (WHERE is_reached) AS numerator,
    count(*) AS denominator,
    count(*) AS n,
    nullif(percentile_disc(0.5) WITHIN GROUP (ORDER BY coalesce(days::float8, 'infinity')), 'infinity')::numeric AS value,
    jsonb_build_object(
        'p90_days', round(nullif(percentile_disc(0.9) WITHIN GROUP (ORDER BY coalesce(days::float8, 'infinity')), 'infinity')::numeric, 6),
        'not_reached', count(*) FILTER (WHERE NOT is_reached),
        'not_reached_share', round(count(*) FILTER (WHERE NOT is_reached)::numeric / count(*), 6)
    ) AS parts
FROM timed CROSS JOIN LATERAL (VALUES ('who:' || who), (CASE WHEN who = 'users' THEN 'all' END)) AS split (segment)
WHERE segment IS NOT NULL
GROUP BY segment
