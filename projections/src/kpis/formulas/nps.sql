WITH answers AS (
    SELECT
        count(*)::numeric AS n,
        count(*) FILTER (WHERE score >= 9)::numeric AS promoters,
        count(*) FILTER (WHERE score <= 6)::numeric AS detractors
    FROM {read}.survey_facts
    WHERE tenant = p.tenant AND recorded_at < p.known AND event_type = 'SurveyAnswered' AND kind = 'nps'
      AND occurred_at >= p.at - interval '2160 hours' AND occurred_at < p.at
)
SELECT
    'all' AS segment,
    promoters - detractors AS numerator,
    n AS denominator,
    n,
    100 * (promoters - detractors) / n AS value,
    jsonb_build_object(
        'promoters', promoters,
        'passives', n - promoters - detractors,
        'detractors', detractors,
        -- 95 % of the time the figure of all would be within this, either way.
        'margin', round(196 * sqrt(((promoters + detractors) / n - ((promoters - detractors) / n) ^ 2) / n), 6)
    ) AS parts
FROM answers
WHERE n > 0
