-- Whoever began counts in one period only: one look at the interactions is enough for all periods.
WITH sign_ups AS (
    SELECT user_id, account_id, occurred_at, recorded_at,
        min(recorded_at) OVER (
            PARTITION BY user_id ORDER BY occurred_at, recorded_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS earlier_known
        /*: , {event} AS event, string_agg({event}, ' ') FILTER (WHERE recorded_at < (SELECT min(known) FROM periods)) OVER (
            PARTITION BY user_id ORDER BY occurred_at, recorded_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS earlier_events */
    FROM {read}.sign_up_facts
    WHERE tenant = (SELECT min(tenant) FROM periods)
),
contracts AS (
    SELECT account_id, occurred_at, recorded_at,
        min(recorded_at) OVER (
            PARTITION BY account_id ORDER BY occurred_at, recorded_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS earlier_known
        /*: , {event} AS event, string_agg({event}, ' ') FILTER (WHERE recorded_at < (SELECT min(known) FROM periods)) OVER (
            PARTITION BY account_id ORDER BY occurred_at, recorded_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS earlier_events */
    FROM {read}.subscription_facts
    WHERE tenant = (SELECT min(tenant) FROM periods) AND event_type = 'SubscriptionStarted'
),
-- Who began in which period, by the first that is known of them, and the users to watch for each.
began AS (
    SELECT p.period, p.now, p.known, 'users' AS who, user_id::text AS id, occurred_at AS began, user_id /*: , event AS events */
    FROM sign_ups
    JOIN periods AS p ON occurred_at >= p.starts AND occurred_at < p.ends
        AND recorded_at < p.known AND coalesce(earlier_known, 'infinity') >= p.known
    UNION ALL
    SELECT p.period, p.now, p.known, 'customers', contracts.account_id, contracts.occurred_at, sign_ups.user_id /*: , concat_ws(' ', contracts.event, sign_ups.event) */
    FROM contracts
    JOIN periods AS p ON contracts.occurred_at >= p.starts AND contracts.occurred_at < p.ends
        AND contracts.recorded_at < p.known AND coalesce(contracts.earlier_known, 'infinity') >= p.known
    LEFT JOIN sign_ups ON sign_ups.account_id = contracts.account_id AND sign_ups.recorded_at < p.known
),
active AS (
    SELECT user_id, occurred_at, recorded_at, void_recorded_at /*: , {event} AS event */
    FROM {read}.interactions
    WHERE tenant = (SELECT min(tenant) FROM periods)
      AND occurred_at >= (SELECT min(starts) FROM periods) AND {is_active}
),
timed AS (
    SELECT period, who, id, extract(epoch FROM min(active.occurred_at) - began) / 86400 AS days
        /*: , concat_ws(' ', string_agg(DISTINCT began.events, ' '), (array_agg(active.event ORDER BY active.occurred_at, active.event))[1]) AS events */
    FROM began
    LEFT JOIN active ON active.user_id = began.user_id AND active.occurred_at >= began AND active.occurred_at < now
        AND active.recorded_at < known AND (void_recorded_at IS NULL OR void_recorded_at >= known)
    GROUP BY period, who, id, began
),
parts AS (
    SELECT period, segment, CASE WHEN who = 'users' THEN 'user:' ELSE 'account:' END || id AS part,
        CASE WHEN days IS NOT NULL THEN 1 END AS numerator, 1 AS denominator, days AS value
        /*: , CASE WHEN days IS NULL THEN 'not reached yet' END AS note, events,
        jsonb_build_object('not_reached', (days IS NULL)::integer) AS amounts */
    FROM timed CROSS JOIN LATERAL (VALUES ('who:' || who), (CASE WHEN who = 'users' THEN 'all' END)) AS split (segment)
    WHERE segment IS NOT NULL
)
-- The figure
-- Whoever is not there yet takes longer than all who are: they come last in the order, and the median is theirs to withhold.
SELECT
    period,
    segment,
    count(value) AS numerator,
    count(*) AS denominator,
    count(*) AS n,
    nullif(percentile_disc(0.5) WITHIN GROUP (ORDER BY coalesce(value::float8, 'infinity')), 'infinity')::numeric AS value,
    jsonb_build_object(
        'p90_days', round(nullif(percentile_disc(0.9) WITHIN GROUP (ORDER BY coalesce(value::float8, 'infinity')), 'infinity')::numeric, 6),
        'not_reached', count(*) - count(value),
        'not_reached_share', round((count(*) - count(value))::numeric / count(*), 6)
    ) AS parts
FROM parts
GROUP BY period, segment
-- Left out
SELECT NULL AS segment, left_out.* FROM periods AS p CROSS JOIN LATERAL (
    {left_out_interactions}
    AND user_id IN (SELECT user_id FROM began) AND occurred_at >= p.starts AND occurred_at < p.now
) AS left_out
UNION ALL
SELECT split.segment, 'user:' || user_id, 'signed up before', concat_ws(' ', event, earlier_events)
FROM sign_ups
JOIN periods AS p ON occurred_at >= p.starts AND occurred_at < p.ends AND recorded_at < p.known AND earlier_known < p.known
CROSS JOIN (VALUES ('all'), ('who:users')) AS split (segment)
UNION ALL
SELECT 'who:customers', 'account:' || account_id, 'was a customer before', concat_ws(' ', event, earlier_events)
FROM contracts
JOIN periods AS p ON occurred_at >= p.starts AND occurred_at < p.ends AND recorded_at < p.known AND earlier_known < p.known
