-- Of interactions that measured {measure}: a KPI each.
WITH level AS MATERIALIZED (
    SELECT (level ->> 'limit_ms')::bigint AS limit_ms, (level ->> 'wished_ms')::bigint AS wished_ms, (level ->> 'objective')::numeric AS objective
    FROM jsonb_array_elements(p.plan -> 'service_levels') AS level
    WHERE level ->> 'kpi' = '{id}'
),
parts AS (
    SELECT
        'all' AS segment,
        'interaction:' || interaction_id AS part,
        ({measure} < limit_ms)::integer AS numerator,
        1 AS denominator,
        {measure} AS took_ms,
        limit_ms, wished_ms, objective
        /*: , {measure} || ' ms' AS note, {event} AS events */
    FROM {read}.interactions CROSS JOIN level
    WHERE tenant = p.tenant AND recorded_at < p.known AND (void_recorded_at IS NULL OR void_recorded_at >= p.known)
      AND actor = 'human' AND {measure} IS NOT NULL
      AND occurred_at >= p.at - interval '720 hours' AND occurred_at < p.at
)
-- The figure
, counted AS (
    SELECT
        count(*) FILTER (WHERE took_ms < limit_ms)::numeric AS good,
        count(*)::numeric AS total,
        count(*) AS n,
        min(objective) AS objective,
        jsonb_strip_nulls(jsonb_build_object(
            'limit_ms', min(limit_ms),
            'wished_ms', min(wished_ms),
            'within_wished', round(count(*) FILTER (WHERE took_ms < wished_ms)::numeric / nullif(count(wished_ms), 0), 6),
            'p95_ms', percentile_disc(0.95) WITHIN GROUP (ORDER BY took_ms)
        )) AS more
    FROM parts
)
{slo}
-- Left out
{left_out_measured_interactions} AND {measure} IS NOT NULL
