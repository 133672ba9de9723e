WITH answers AS (
    SELECT count(*) AS n, count(*) FILTER (WHERE aided) AS aided, count(*) FILTER (WHERE unaided) AS unaided
    FROM {read}.survey_facts
    WHERE tenant = p.tenant AND recorded_at < p.known AND event_type = 'SurveyAnswered' AND kind = 'brand'
      AND occurred_at >= p.starts AND occurred_at < p.ends
),
searched AS (
    SELECT sum(searches) AS searches
    FROM {read}.brand_searches_facts
    WHERE tenant = p.tenant AND recorded_at < p.known
      AND month >= (p.starts AT TIME ZONE 'UTC')::date AND month < (p.ends AT TIME ZONE 'UTC')::date
)
SELECT 'kind:' || kind AS segment, known AS numerator, n AS denominator, n, known::numeric / nullif(n, 0) AS value,
    jsonb_build_object('branded_searches', searches) AS parts
FROM answers, searched, LATERAL (VALUES ('aided', aided), ('unaided', unaided)) AS counted (kind, known)
WHERE n > 0 OR searches IS NOT NULL
