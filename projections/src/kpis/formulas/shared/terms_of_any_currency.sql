-- What held of each subscription when, as known: one row per stretch of time, from begins (inclusive) to ends (exclusive).
-- It pays if it is neither a trial nor free. What is dated before the start or after the end does not count; of two changes
-- of one moment, the one said later holds.
SELECT subscription_id, account_id, plan, monthly, currency, is_trial, NOT is_trial AND monthly > 0 AS pays,
    begins, coalesce(next, 'infinity') AS ends /*: , events, next_event */
FROM (
    SELECT
        subscription_id, event_type, plan, monthly, monthly_currency AS currency, is_trial,
        occurred_at AS begins,
        lead(occurred_at) OVER (PARTITION BY subscription_id ORDER BY occurred_at, sequence) AS next,
        max(account_id) OVER whole AS account_id,
        min(occurred_at) FILTER (WHERE event_type = 'SubscriptionStarted') OVER whole AS started,
        min(occurred_at) FILTER (WHERE event_type = 'SubscriptionEnded') OVER whole AS ended
        -- What was told of it so far, and what ended this stretch.
        /*: , string_agg({event}, ' ') OVER so_far AS events, lead({event}) OVER so_far AS next_event */
    FROM {read}.subscription_facts
    WHERE tenant = p.tenant AND recorded_at < p.known
    WINDOW whole AS (PARTITION BY subscription_id)
    /*: , so_far AS (PARTITION BY subscription_id ORDER BY occurred_at, sequence) */
) AS told
WHERE event_type <> 'SubscriptionEnded' AND begins >= started AND begins < least(next, ended, 'infinity')
