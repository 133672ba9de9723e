WITH parts AS (
    SELECT
        'all' AS segment,
        'probe:' || probe_id AS part,
        covers_seconds::numeric * good / total AS numerator,
        covers_seconds AS denominator
        /*: , {event} AS events */
    FROM {read}.probe_facts
    WHERE tenant = p.tenant AND recorded_at < p.known AND kind = 'uptime'
      -- A probe stands for the time up to its own.
      AND occurred_at > p.at - interval '720 hours' AND occurred_at <= p.at
)
-- The figure
, counted AS (
    SELECT
        sum(numerator) AS good,
        sum(denominator) AS total,
        count(*) AS n,
        (p.plan -> 'stage' ->> 'uptime_percent')::numeric / 100 AS objective,
        -- What no probe stands for is neither up nor down.
        jsonb_build_object('measured_share', round(least(sum(denominator)::numeric / (720 * 3600), 1), 6)) AS more
    FROM parts
)
{slo}
