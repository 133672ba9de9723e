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
        -- What was lost was lost by what ended it.
        /*: , string_agg({events_and_end}, ' ') AS events */
    FROM ({terms}) AS terms
    CROSS JOIN earlier
    CROSS JOIN LATERAL (SELECT begins < earlier.moment AND ends >= earlier.moment AS paid_then) AS state
    WHERE pays
    GROUP BY account_id
),
parts AS (
    SELECT segment, 'account:' || account_id AS part, mrr_now AS numerator, mrr_then AS denominator
        /*: , jsonb_build_object('gross_numerator', least(mrr_now, mrr_then)) AS amounts, events,
        CASE WHEN mrr_now = 0 THEN 'lost' WHEN mrr_now < mrr_then THEN 'shrunk' WHEN mrr_now > mrr_then THEN 'grown' END AS note */
    FROM accounts CROSS JOIN LATERAL (VALUES ('all'), ('plan:' || plan)) AS split (segment)
    WHERE mrr_then > 0
)
-- The figure
SELECT
    segment,
    sum(numerator) AS numerator,
    sum(denominator) AS denominator,
    count(*) AS n,
    sum(numerator) / sum(denominator) AS value,
    jsonb_build_object(
        'gross', round(sum(least(numerator, denominator)) / sum(denominator), 6),
        'gross_numerator', sum(least(numerator, denominator))
    ) AS parts
FROM parts
GROUP BY segment
-- Left out
SELECT 'account:' || account_id AS part, 'did not pay twelve months earlier' AS reason, events
FROM accounts
WHERE mrr_then IS NULL AND mrr_now > 0
UNION ALL
SELECT part, reason, events FROM ({left_out_subscriptions}) AS left_out WHERE segment = 'all' AND reason = 'in another currency'
