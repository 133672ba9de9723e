WITH cohort AS (
    SELECT captured.channel, sql.occurred_at - mql.occurred_at AS took
    FROM {read}.lead_facts AS mql
    JOIN {read}.lead_facts AS captured
        ON captured.tenant = p.tenant AND captured.lead_id = mql.lead_id AND captured.recorded_at < p.known
        AND captured.event_type = 'LeadCaptured'
    LEFT JOIN {read}.lead_facts AS sql
        ON sql.tenant = p.tenant AND sql.lead_id = mql.lead_id AND sql.recorded_at < p.known AND sql.occurred_at < p.now
        AND sql.event_type = 'LeadQualified' AND sql.qualification = 'sql'
    WHERE mql.tenant = p.tenant AND mql.recorded_at < p.known AND mql.occurred_at >= p.starts AND mql.occurred_at < p.at
      AND mql.event_type = 'LeadQualified' AND mql.qualification = 'mql'
),
counted AS (
    SELECT
        segment,
        count(*) AS mqls,
        count(*) FILTER (WHERE took <= interval '30 days') AS within_30,
        count(*) FILTER (WHERE took <= interval '60 days') AS within_60,
        count(*) FILTER (WHERE took <= interval '90 days') AS within_90
    FROM cohort CROSS JOIN LATERAL (VALUES ('all'), ('channel:' || channel)) AS split (segment)
    GROUP BY segment
)
SELECT
    segment,
    within_90 AS numerator,
    mqls AS denominator,
    mqls AS n,
    within_90::numeric / nullif(mqls, 0) AS value,
    jsonb_build_object(
        'within_30', round(within_30::numeric / nullif(mqls, 0), 6),
        'within_60', round(within_60::numeric / nullif(mqls, 0), 6),
        'within_90', round(within_90::numeric / nullif(mqls, 0), 6),
        'complete', p.now - p.ends >= interval '90 days'
    ) AS parts
FROM counted
