WITH brought AS (
    SELECT DISTINCT ON (change.id) change.id, finished_at, change.committed_at /*: , events */
    FROM ({deployments}) AS deployments
    CROSS JOIN LATERAL jsonb_to_recordset(changes) AS change (id text, committed_at timestamptz)
    WHERE finished_at >= p.starts
    ORDER BY change.id, finished_at, change.committed_at
),
-- However long ago: a change is not new because a later deployment brings it again.
brought_before AS (
    SELECT brought.id /*: , string_agg(deployments.events, ' ') AS events */
    FROM ({deployments}) AS deployments
    CROSS JOIN LATERAL jsonb_array_elements(changes) AS change
    JOIN brought ON brought.id = change ->> 'id'
    WHERE deployments.finished_at < p.starts
    GROUP BY brought.id
),
parts AS (
    SELECT 'all' AS segment, 'change:' || id AS part, hours AS numerator, 1 AS denominator, hours AS value /*: , brought.events */
    FROM brought
    LEFT JOIN brought_before USING (id)
    CROSS JOIN LATERAL (SELECT extract(epoch FROM finished_at - committed_at)::numeric / 3600 AS hours) AS took
    WHERE brought_before.id IS NULL
)
-- The figure
SELECT
    segment,
    sum(numerator) AS numerator,
    sum(denominator) AS denominator,
    count(*) AS n,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY value)::numeric AS value,
    jsonb_build_object('mean', round(avg(value), 6)) AS parts
FROM parts
GROUP BY segment
-- Left out
SELECT 'change:' || id AS part, 'an earlier deployment brought it' AS reason, concat_ws(' ', brought.events, brought_before.events) AS events
FROM brought JOIN brought_before USING (id)
UNION ALL
SELECT part, reason, events FROM ({left_out_deployments}) AS left_out
