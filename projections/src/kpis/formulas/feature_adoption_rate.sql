WITH enabled AS (
    SELECT account_id, feature /*: , event */ FROM (
        SELECT DISTINCT ON (account_id, feature) account_id, feature, event_type /*: , {event} AS event */
        FROM {read}.account_facts
        WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at < p.at
        ORDER BY account_id, feature, occurred_at DESC, sequence DESC
    ) AS latest
    WHERE event_type = 'FeatureEnabled'
),
eligible AS (
    SELECT user_id, enabled.feature /*: , string_agg(concat_ws(' ', enabled.event, {event}), ' ') AS events */
    FROM enabled
    JOIN {read}.sign_up_facts AS sign_ups
        ON sign_ups.tenant = p.tenant AND sign_ups.account_id = enabled.account_id
       AND sign_ups.recorded_at < p.known AND sign_ups.occurred_at < p.at
    GROUP BY user_id, enabled.feature
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
{left_out_interactions} AND occurred_at >= p.at - interval '672 hours' AND occurred_at < p.at AND feature IS NOT NULL
