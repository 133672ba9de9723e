WITH brought AS (
    SELECT DISTINCT ON (change.id) change.id, finished_at, change.committed_at
    FROM ({deployments}) AS deployments
    CROSS JOIN LATERAL jsonb_to_recordset(changes) AS change (id text, committed_at timestamptz)
    WHERE finished_at >= p.starts
    ORDER BY change.id, finished_at, change.committed_at
),
-- However long ago: a change is not new because a later deployment brings it again.
brought_before AS (
    SELECT DISTINCT brought.id
    FROM ({deployments}) AS deployments
    CROSS JOIN LATERAL jsonb_array_elements(changes) AS change
    JOIN brought ON brought.id = change ->> 'id'
    WHERE deployments.finished_at < p.starts
),
timed AS (
    SELECT extract(epoch FROM finished_at - committed_at)::numeric / 3600 AS hours
    FROM brought LEFT JOIN brought_before USING (id)
    WHERE brought_before.id IS NULL
)
SELECT
    'all' AS segment,
    sum(hours) AS numerator,
    count(*) AS denominator,
    count(*) AS n,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY hours)::numeric AS value,
    jsonb_build_object('mean', round(avg(hours), 6)) AS parts
FROM timed
HAVING count(*) > 0
