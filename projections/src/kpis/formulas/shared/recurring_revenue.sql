-- What the paying subscriptions bring in a month at p.at, and how many accounts pay: over all, and by plan. Where there were
-- subscriptions but none pays now it is 0; where there never was one there is no row.
SELECT
    segment,
    coalesce(sum(monthly) FILTER (WHERE pays_now), 0) AS mrr,
    count(DISTINCT account_id) FILTER (WHERE pays_now) AS accounts
FROM ({terms}) AS terms
CROSS JOIN LATERAL (SELECT pays AND ends >= p.at AS pays_now) AS state
CROSS JOIN LATERAL (VALUES ('all'), ('plan:' || plan)) AS split (segment)
WHERE begins < p.at
GROUP BY segment
