-- Subscriptions that do not count at p.at, by the last that held of each, and why; of those that ended, in the period.
SELECT segment, part, reason, events
FROM (
    SELECT DISTINCT ON (subscription_id)
        'subscription:' || subscription_id AS part,
        plan,
        {events_and_end} AS events,
        CASE
            WHEN ends < p.starts THEN NULL
            WHEN ends < p.at THEN 'ended'
            WHEN is_trial THEN 'a trial'
            WHEN NOT pays THEN 'free'
            WHEN currency <> p.currency THEN 'in another currency'
        END AS reason
    FROM ({terms_of_any_currency}) AS terms
    WHERE begins < p.at
    ORDER BY subscription_id, begins DESC
) AS latest
CROSS JOIN LATERAL (VALUES ('all'), ('plan:' || plan)) AS split (segment)
WHERE reason IS NOT NULL
