WITH answers AS (
    SELECT count(*) AS n, count(*) FILTER (WHERE score >= 4) AS satisfied
    FROM {read}.survey_facts
    WHERE tenant = p.tenant AND recorded_at < p.known AND event_type = 'SurveyAnswered' AND kind = 'csat'
      AND occurred_at >= p.starts AND occurred_at < p.ends
),
asked AS (
    SELECT count(*) AS sent, count(*) FILTER (WHERE EXISTS (
        SELECT FROM {read}.survey_facts AS answer
        WHERE answer.tenant = p.tenant AND answer.survey_id = sent.survey_id AND answer.recorded_at < p.known
          AND answer.event_type = 'SurveyAnswered'
    )) AS answered
    FROM {read}.survey_facts AS sent
    WHERE tenant = p.tenant AND recorded_at < p.known AND event_type = 'SurveySent' AND kind = 'csat'
      AND occurred_at >= p.starts AND occurred_at < p.ends
)
SELECT 'all' AS segment, satisfied AS numerator, n AS denominator, n, satisfied::numeric / nullif(n, 0) AS value,
    jsonb_build_object('sent', sent, 'response_rate', round(answered::numeric / nullif(sent, 0), 6)) AS parts
FROM answers, asked
WHERE n > 0 OR sent > 0
