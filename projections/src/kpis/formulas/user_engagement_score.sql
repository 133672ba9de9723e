-- In which tenth of the definition's reference users somebody is: 0 in the lowest, 100 in the highest.
WITH reference AS (
    SELECT name, array_agg(threshold::numeric ORDER BY place) AS tenths
    FROM jsonb_each(p.definition -> 'reference') AS named (name, thresholds),
        jsonb_array_elements_text(thresholds) WITH ORDINALITY AS listed (threshold, place)
    GROUP BY name
),
-- Once, and not for each user.
terms AS MATERIALIZED (
    SELECT name, tenths, weight::numeric AS weight
    FROM reference JOIN jsonb_each_text(p.definition -> 'weights') AS weights (name, weight) USING (name)
),
users AS (
    SELECT
        user_id,
        count(DISTINCT (occurred_at AT TIME ZONE 'UTC')::date) AS active_days,
        greatest(count(DISTINCT (capsule_id, session_id)) FILTER (WHERE session_id IS NOT NULL), 1) AS sessions,
        count(*) AS interactions
        /*: , string_agg(events, ' ') AS events */
    FROM ({active_interactions}) AS active
    WHERE occurred_at >= p.at - interval '672 hours' AND occurred_at < p.at AND user_id IS NOT NULL
    GROUP BY user_id
),
scored AS (
    SELECT user_id, sum(weight * width_bucket(measured, tenths) * 100 / 9) / sum(weight) AS score /*: , min(events) AS events */
    FROM users
    CROSS JOIN LATERAL (
        VALUES ('active_days', active_days::numeric), ('sessions', sessions::numeric), ('depth', interactions::numeric / sessions)
    ) AS component (name, measured)
    JOIN terms USING (name)
    GROUP BY user_id
),
parts AS (
    SELECT 'all' AS segment, 'user:' || user_id AS part, score AS numerator, 1 AS denominator, score AS value /*: , events */
    FROM scored
)
-- The figure
SELECT
    segment,
    sum(numerator) AS numerator,
    sum(denominator) AS denominator,
    count(*) AS n,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY value::float8)::numeric AS value,
    jsonb_build_object(
        'p25', round(percentile_cont(0.25) WITHIN GROUP (ORDER BY value::float8)::numeric, 6),
        'p75', round(percentile_cont(0.75) WITHIN GROUP (ORDER BY value::float8)::numeric, 6)
    ) AS parts
FROM parts
GROUP BY segment
-- Left out
{left_out_interactions} AND occurred_at >= p.at - interval '672 hours' AND occurred_at < p.at
UNION ALL
SELECT 'interaction:' || interaction_id, 'of nobody known', events FROM ({active_interactions}) AS active
WHERE occurred_at >= p.at - interval '672 hours' AND occurred_at < p.at AND user_id IS NULL
