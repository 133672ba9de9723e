WITH parts AS (
    SELECT 'all' AS segment, 'probe:' || probe_id AS part, good AS numerator, total AS denominator /*: , {event} AS events */
    FROM {read}.probe_facts
    WHERE tenant = p.tenant AND recorded_at < p.known AND kind = 'api_latency'
      AND occurred_at > p.at - interval '720 hours' AND occurred_at <= p.at
)
-- The figure
, level AS (
    SELECT (level ->> 'limit_ms')::bigint AS limit_ms, (level ->> 'objective')::numeric AS objective
    FROM jsonb_array_elements(p.plan -> 'service_levels') AS level
    WHERE level ->> 'kpi' = 'slo_api_latency'
),
counted AS (
    SELECT sum(numerator) AS good, sum(denominator) AS total, count(*) AS n, min(objective) AS objective,
        jsonb_strip_nulls(jsonb_build_object('limit_ms', min(limit_ms))) AS more
    FROM parts LEFT JOIN level ON true
)
{slo}
