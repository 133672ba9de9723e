WITH parts AS (
    SELECT segment, 'answer:' || survey_id AS part, is_known::integer AS numerator, 1 AS denominator, NULL::bigint AS searches
        /*: , CASE WHEN is_known THEN 'knows the brand' ELSE 'does not know the brand' END AS note, NULL::jsonb AS amounts,
        {event} AS events */
    FROM {read}.survey_facts
    CROSS JOIN LATERAL (VALUES ('kind:aided', coalesce(aided, false)), ('kind:unaided', coalesce(unaided, false))) AS split (segment, is_known)
    WHERE tenant = p.tenant AND recorded_at < p.known AND event_type = 'SurveyAnswered' AND kind = 'brand'
      AND occurred_at >= p.starts AND occurred_at < p.ends
    UNION ALL
    SELECT segment, 'searches:' || brand_searches_id, NULL, NULL, searches
        /*: , NULL, jsonb_build_object('branded_searches', searches), {event} */
    FROM {read}.brand_searches_facts CROSS JOIN LATERAL (VALUES ('kind:aided'), ('kind:unaided')) AS split (segment)
    WHERE tenant = p.tenant AND recorded_at < p.known
      AND month >= (p.starts AT TIME ZONE 'UTC')::date AND month < (p.ends AT TIME ZONE 'UTC')::date
)
-- The figure
SELECT
    segment,
    coalesce(sum(numerator), 0) AS numerator,
    count(denominator) AS denominator,
    count(denominator) AS n,
    coalesce(sum(numerator), 0)::numeric / nullif(count(denominator), 0) AS value,
    jsonb_build_object('branded_searches', sum(searches)) AS parts
FROM parts
GROUP BY segment
