WITH parts AS (
    SELECT
        'all' AS segment,
        'answer:' || survey_id AS part,
        (score >= 9)::integer - (score <= 6)::integer AS numerator,
        1 AS denominator
        /*: , 'score ' || score AS note, {event} AS events,
        jsonb_build_object(
            'promoters', (score >= 9)::integer, 'passives', (score BETWEEN 7 AND 8)::integer, 'detractors', (score <= 6)::integer
        ) AS amounts */
    FROM {read}.survey_facts
    WHERE tenant = p.tenant AND recorded_at < p.known AND event_type = 'SurveyAnswered' AND kind = 'nps'
      AND occurred_at >= p.at - interval '2160 hours' AND occurred_at < p.at
)
-- The figure
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
FROM (
    SELECT
        count(*)::numeric AS n,
        count(*) FILTER (WHERE numerator = 1)::numeric AS promoters,
        count(*) FILTER (WHERE numerator = -1)::numeric AS detractors
    FROM parts
) AS answers
WHERE n > 0
