WITH
/*: known AS (
    -- Counted by day below, here one by one.
    SELECT interaction_id, kind, actor, coalesce(void_recorded_at < known.moment, false) AS is_voided, 
        {event} || CASE WHEN void_recorded_at < known.moment THEN ' ' || partition || '-' || void_position ELSE '' END AS events
    FROM {read}.interactions CROSS JOIN (SELECT date_trunc('day', p.known, 'UTC') AS moment) AS known
    WHERE tenant = p.tenant AND occurred_at >= p.starts AND occurred_at < p.ends AND recorded_at < known.moment
),
parts AS (
    SELECT segment, 'interaction:' || interaction_id AS part, 1 AS numerator, events
    FROM known CROSS JOIN LATERAL (VALUES ('all'), ('kind:' || kind)) AS split (segment)
    WHERE NOT is_voided AND p.definition -> 'kinds' ? kind AND p.definition -> 'actors' ? actor
), */
counted AS (
    SELECT kind, sum(count) AS count
    FROM {read}.daily_counts
    WHERE tenant = p.tenant
      AND occurred_day >= (p.starts AT TIME ZONE 'UTC')::date AND occurred_day < (p.ends AT TIME ZONE 'UTC')::date
      -- Kept by day: as known at the end of one.
      AND (p.known = 'infinity' OR recorded_day < (p.known AT TIME ZONE 'UTC')::date)
      AND p.definition -> 'kinds' ? kind AND p.definition -> 'actors' ? actor
    GROUP BY kind
)
-- The figure
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
-- Left out
SELECT segment, 'interaction:' || interaction_id AS part,
    CASE
        WHEN is_voided THEN 'voided'
        WHEN NOT p.definition -> 'kinds' ? kind THEN 'its kind does not count: ' || kind
        ELSE 'its actor does not count: ' || actor
    END AS reason,
    events
FROM known CROSS JOIN LATERAL (VALUES ('all'), ('kind:' || kind)) AS split (segment)
WHERE is_voided OR NOT (p.definition -> 'kinds' ? kind AND p.definition -> 'actors' ? actor)
