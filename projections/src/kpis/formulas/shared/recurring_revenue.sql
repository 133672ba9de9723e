-- What each subscription brings in a month at p.at: a row for each of its stretches, over all and by plan, without an amount
-- where it does not pay now. So there is a row, and 0, where there were subscriptions but none pays.
SELECT
    segment,
    'subscription:' || subscription_id AS part,
    account_id,
    CASE WHEN pays AND ends >= p.at THEN monthly END AS monthly
    /*: , plan, events */
FROM ({terms}) AS terms
CROSS JOIN LATERAL (VALUES ('all'), ('plan:' || plan)) AS split (segment)
WHERE begins < p.at
