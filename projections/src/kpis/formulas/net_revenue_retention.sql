WITH earlier AS (
    -- Twelve calendar months, whatever the session's time zone and however long February is.
    SELECT (p.at AT TIME ZONE 'UTC' - interval '12 months') AT TIME ZONE 'UTC' AS moment
),
accounts AS (
    SELECT
        account_id,
        sum(monthly) FILTER (WHERE paid_then) AS mrr_then,
        coalesce(sum(monthly) FILTER (WHERE begins < p.at AND ends >= p.at), 0) AS mrr_now,
        (array_agg(plan ORDER BY monthly DESC, plan) FILTER (WHERE paid_then))[1] AS plan
    FROM ({terms}) AS terms
    CROSS JOIN earlier
    CROSS JOIN LATERAL (SELECT begins < earlier.moment AND ends >= earlier.moment AS paid_then) AS state
    WHERE pays
    GROUP BY account_id
)
SELECT
    segment,
    sum(mrr_now) AS numerator,
    sum(mrr_then) AS denominator,
    count(*) AS n,
    sum(mrr_now) / sum(mrr_then) AS value,
    jsonb_build_object(
        'gross', round(sum(least(mrr_now, mrr_then)) / sum(mrr_then), 6),
        'gross_numerator', sum(least(mrr_now, mrr_then))
    ) AS parts
FROM accounts CROSS JOIN LATERAL (VALUES ('all'), ('plan:' || plan)) AS split (segment)
WHERE mrr_then > 0
GROUP BY segment
