WITH parts AS (
    SELECT 'all' AS segment, 'answer:' || survey_id AS part, (score >= 4)::integer AS numerator, 1 AS denominator,
        NULL::integer AS sent, NULL::integer AS answered
        /*: , 'score ' || score AS note, NULL::jsonb AS amounts, {event} AS events */
    FROM {read}.survey_facts
    WHERE tenant = p.tenant AND recorded_at < p.known AND event_type = 'SurveyAnswered' AND kind = 'csat'
      AND occurred_at >= p.starts AND occurred_at < p.ends
    UNION ALL
    SELECT 'all', 'survey:' || survey_id, NULL, NULL, 1, EXISTS (
        SELECT FROM {read}.survey_facts AS answer
        WHERE answer.tenant = p.tenant AND answer.survey_id = sent.survey_id AND answer.recorded_at < p.known
          AND answer.event_type = 'SurveyAnswered'
    )::integer
        /*: , 'sent', jsonb_build_object('sent', 1), {event} */
    FROM {read}.survey_facts AS sent
    WHERE tenant = p.tenant AND recorded_at < p.known AND event_type = 'SurveySent' AND kind = 'csat'
      AND occurred_at >= p.starts AND occurred_at < p.ends
)
-- The figure
SELECT
    segment,
    coalesce(sum(numerator), 0) AS numerator,
    count(denominator) AS denominator,
    count(denominator) AS n,
    coalesce(sum(numerator), 0)::numeric / nullif(count(denominator), 0) AS value,
    jsonb_build_object('sent', count(sent), 'response_rate', round(sum(answered)::numeric / nullif(count(sent), 0), 6)) AS parts
FROM parts
GROUP BY segment
