WITH assessed AS (
    SELECT DISTINCT ON (area) area, level, evidence
    FROM {read}.assessment_facts
    WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at < p.at
    -- Of two findings of the same time, the one said later counts.
    ORDER BY area, occurred_at DESC, recorded_at DESC, assessment_id DESC
)
SELECT
    'all' AS segment,
    sum(level) AS numerator,
    count(*) AS denominator,
    count(*) AS n,
    avg(level) AS value,
    jsonb_build_object('lowest', min(level)) AS parts
FROM assessed
HAVING count(*) > 0
UNION ALL
SELECT 'area:' || area, level, 1, 1, level, jsonb_build_object('evidence', evidence)
FROM assessed
