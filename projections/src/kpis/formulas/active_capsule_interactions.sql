WITH counted AS (
    SELECT kind, sum(count) AS count
    FROM {read}.daily_counts
    WHERE tenant = p.tenant
      AND occurred_day >= (p.starts AT TIME ZONE 'UTC')::date AND occurred_day < (p.ends AT TIME ZONE 'UTC')::date
      -- Kept by day: as known at the end of one.
      AND (p.known = 'infinity' OR recorded_day < (p.known AT TIME ZONE 'UTC')::date)
      AND p.definition -> 'kinds' ? kind AND p.definition -> 'actors' ? actor
    GROUP BY kind
)
SELECT 'all' AS segment, coalesce(sum(count), 0) AS numerator, NULL::numeric AS denominator, coalesce(sum(count), 0) AS n,
    coalesce(sum(count), 0) AS value, '{}'::jsonb AS parts
FROM counted
-- Zero once there was any interaction, no data before.
HAVING EXISTS (
    SELECT FROM {read}.daily_counts
    WHERE tenant = p.tenant AND occurred_day < (p.ends AT TIME ZONE 'UTC')::date
      AND (p.known = 'infinity' OR recorded_day < (p.known AT TIME ZONE 'UTC')::date)
)
UNION ALL
SELECT 'kind:' || kind, count, NULL, count, count, '{}' FROM counted
