-- Whoever began counts in one period only: one look at the interactions is enough for all periods.
WITH sign_ups AS (
    SELECT user_id, account_id, occurred_at, recorded_at,
        min(recorded_at) OVER (
            PARTITION BY user_id ORDER BY occurred_at, recorded_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS earlier_known
    FROM {read}.sign_up_facts
    WHERE tenant = (SELECT min(tenant) FROM periods)
),
contracts AS (
    SELECT account_id, occurred_at, recorded_at,
        min(recorded_at) OVER (
            PARTITION BY account_id ORDER BY occurred_at, recorded_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS earlier_known
    FROM {read}.subscription_facts
    WHERE tenant = (SELECT min(tenant) FROM periods) AND event_type = 'SubscriptionStarted'
),
-- Who began in which period, by the first that is known of them, and the users to watch for each.
began AS (
    SELECT p.period, p.now, p.known, 'users' AS who, user_id::text AS id, occurred_at AS began, user_id
    FROM sign_ups
    JOIN periods AS p ON occurred_at >= p.starts AND occurred_at < p.ends
        AND recorded_at < p.known AND coalesce(earlier_known, 'infinity') >= p.known
    UNION ALL
    SELECT p.period, p.now, p.known, 'customers', contracts.account_id, contracts.occurred_at, sign_ups.user_id
    FROM contracts
    JOIN periods AS p ON contracts.occurred_at >= p.starts AND contracts.occurred_at < p.ends
        AND contracts.recorded_at < p.known AND coalesce(contracts.earlier_known, 'infinity') >= p.known
    LEFT JOIN sign_ups ON sign_ups.account_id = contracts.account_id AND sign_ups.recorded_at < p.known
),
active AS (
    SELECT user_id, occurred_at, recorded_at, void_recorded_at
    FROM {read}.interactions
    WHERE tenant = (SELECT min(tenant) FROM periods)
      AND occurred_at >= (SELECT min(starts) FROM periods) AND {is_active}
),
timed AS (
    SELECT period, who, id, extract(epoch FROM min(active.occurred_at) - began) / 86400 AS days
    FROM began
    LEFT JOIN active ON active.user_id = began.user_id AND active.occurred_at >= began AND active.occurred_at < now
        AND active.recorded_at < known AND (void_recorded_at IS NULL OR void_recorded_at >= known)
    GROUP BY period, who, id, began
)
-- Whoever is not there yet takes longer than all who are: they come last in the order, and the median is theirs to withhold.
SELECT
    period,
    segment,
    count(days) AS numerator,
    count(*) AS denominator,
    count(*) AS n,
    nullif(percentile_disc(0.5) WITHIN GROUP (ORDER BY coalesce(days::float8, 'infinity')), 'infinity')::numeric AS value,
    jsonb_build_object(
        'p90_days', round(nullif(percentile_disc(0.9) WITHIN GROUP (ORDER BY coalesce(days::float8, 'infinity')), 'infinity')::numeric, 6),
        'not_reached', count(*) - count(days),
        'not_reached_share', round((count(*) - count(days))::numeric / count(*), 6)
    ) AS parts
FROM timed CROSS JOIN LATERAL (VALUES ('who:' || who), (CASE WHEN who = 'users' THEN 'all' END)) AS split (segment)
WHERE segment IS NOT NULL
GROUP BY period, segment
