WITH enabled AS (
    SELECT account_id, feature FROM (
        SELECT DISTINCT ON (account_id, feature) account_id, feature, event_type
        FROM {read}.account_facts
        WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at < p.at
        ORDER BY account_id, feature, occurred_at DESC, sequence DESC
    ) AS latest
    WHERE event_type = 'FeatureEnabled'
),
eligible AS (
    SELECT DISTINCT user_id, feature
    FROM enabled
    JOIN {read}.sign_up_facts AS sign_ups
        ON sign_ups.tenant = p.tenant AND sign_ups.account_id = enabled.account_id
       AND sign_ups.recorded_at < p.known AND sign_ups.occurred_at < p.at
),
used AS (
    SELECT DISTINCT user_id, feature FROM ({active_interactions}) AS active
    WHERE occurred_at >= p.at - interval '672 hours' AND occurred_at < p.at AND user_id IS NOT NULL AND feature IS NOT NULL
),
counted AS (
    SELECT 'feature:' || feature AS segment, count(used.user_id) AS used, count(*) AS eligible
    FROM eligible LEFT JOIN used USING (user_id, feature)
    GROUP BY feature
    UNION ALL
    SELECT 'all', count(DISTINCT used.user_id), count(DISTINCT eligible.user_id)
    FROM eligible LEFT JOIN used USING (user_id, feature)
    HAVING count(*) > 0
)
SELECT segment, used AS numerator, eligible AS denominator, eligible AS n, used::numeric / nullif(eligible, 0) AS value,
    '{}'::jsonb AS parts
FROM counted
