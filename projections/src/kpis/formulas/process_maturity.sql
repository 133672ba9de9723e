WITH assessed AS (
    SELECT DISTINCT ON (area) area, level, evidence /*: , {event} AS events */
    FROM {read}.assessment_facts
    WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at < p.at
    -- Of two findings of the same time, the one said later counts.
    ORDER BY area, occurred_at DESC, recorded_at DESC, assessment_id DESC
),
parts AS (
    SELECT segment, 'area:' || area AS part, level AS numerator, 1 AS denominator, evidence /*: , events */
    FROM assessed CROSS JOIN LATERAL (VALUES ('all'), ('area:' || area)) AS split (segment)
)
-- The figure
SELECT
    segment,
    sum(numerator) AS numerator,
    sum(denominator) AS denominator,
    count(*) AS n,
    avg(numerator) AS value,
    CASE
        WHEN segment = 'all' THEN jsonb_build_object('lowest', min(numerator))
        ELSE jsonb_build_object('evidence', min(evidence))
    END AS parts
FROM parts
GROUP BY segment
