WITH latest AS (
    SELECT DISTINCT ON (account_id, feature) account_id, feature, event_type = 'FeatureEnabled' AS is_on /*: , {event} AS event */
    FROM {read}.account_facts
    WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at < p.at
    ORDER BY account_id, feature, occurred_at DESC, sequence DESC
),
users AS (
    SELECT user_id, latest.feature, bool_or(is_on) AS is_eligible
        /*: , string_agg(concat_ws(' ', latest.event, {event}), ' ') AS events */
    FROM latest
    JOIN {read}.sign_up_facts AS sign_ups
        ON sign_ups.tenant = p.tenant AND sign_ups.account_id = latest.account_id
       AND sign_ups.recorded_at < p.known AND sign_ups.occurred_at < p.at
    GROUP BY user_id, latest.feature
),
eligible AS (
    SELECT user_id, feature /*: , events */ FROM users WHERE is_eligible
),
used AS (
    SELECT user_id, feature /*: , string_agg(events, ' ') AS events */ FROM ({active_interactions}) AS active
    WHERE occurred_at >= p.at - interval '672 hours' AND occurred_at < p.at AND user_id IS NOT NULL AND feature IS NOT NULL
    GROUP BY user_id, feature
),
parts AS (
    SELECT segment, 'user:' || user_id AS part, bool_or(used.user_id IS NOT NULL)::integer AS numerator, 1 AS denominator
        /*: , CASE WHEN bool_or(used.user_id IS NOT NULL) THEN 'used it' ELSE 'did not use it' END AS note,
        string_agg(concat_ws(' ', eligible.events, used.events), ' ') AS events */
    FROM eligible LEFT JOIN used USING (user_id, feature)
    CROSS JOIN LATERAL (VALUES ('all'), ('feature:' || feature)) AS split (segment)
    GROUP BY segment, user_id
)
-- The figure
SELECT
    segment,
    sum(numerator) AS numerator,
    sum(denominator) AS denominator,
    count(*) AS n,
    sum(numerator)::numeric / nullif(sum(denominator), 0) AS value,
    '{}'::jsonb AS parts
FROM parts
GROUP BY segment
-- Left out
SELECT 'feature:' || feature AS segment, 'user:' || user_id AS part, 'the feature is off' AS reason, events FROM users WHERE NOT is_eligible
UNION ALL
SELECT 'all', 'user:' || user_id, 'no feature is on', string_agg(events, ' ')
FROM users
GROUP BY user_id
HAVING NOT bool_or(is_eligible)
UNION ALL
SELECT NULL, left_out.* FROM (
    {left_out_interactions} AND occurred_at >= p.at - interval '672 hours' AND occurred_at < p.at AND feature IS NOT NULL
) AS left_out
