WITH counted AS (
    SELECT
        sum(covers_seconds::numeric * good / total) AS good,
        sum(covers_seconds) AS total,
        count(*) AS n,
        (p.plan -> 'stage' ->> 'uptime_percent')::numeric / 100 AS objective,
        -- What no probe stands for is neither up nor down.
        jsonb_build_object('measured_share', round(least(sum(covers_seconds)::numeric / (720 * 3600), 1), 6)) AS more
    FROM {read}.probe_facts
    WHERE tenant = p.tenant AND recorded_at < p.known AND kind = 'uptime'
      -- A probe stands for the time up to its own.
      AND occurred_at > p.at - interval '720 hours' AND occurred_at <= p.at
)
{slo}
