-- What an account brings in, keeps and costs, over the three calendar months up to p.at: a row each account, each cost of
-- goods sold, each spend on acquisition, each account that paid for the first time.
months AS (
    SELECT opens, closes, passed FROM ({trailing_months}) AS trailing_months
),
paying AS MATERIALIZED (
    -- What it rests on, and what ended it.
    SELECT account_id, monthly, begins, ends /*: , {events_and_end} AS events */
    FROM ({terms}) AS terms
    WHERE pays
),
-- An account is one customer, however many subscriptions it has: moving between them loses nothing.
accounts AS (
    SELECT
        account_id, closes, passed,
        coalesce(sum(monthly) FILTER (WHERE begins < opens), 0) AS opening,
        coalesce(sum(monthly) FILTER (WHERE begins < closes AND ends >= closes), 0) AS closing
        /*: , string_agg(events, ' ') AS events */
    FROM months JOIN paying ON begins < closes AND ends >= opens
    WHERE begins < opens OR ends >= closes
    GROUP BY account_id, opens, closes, passed
),
inputs AS (
    SELECT
        'all' AS segment,
        'account:' || account_id AS part,
        sum(opening * passed) AS opening_revenue,
        sum(closing * passed) AS revenue,
        sum(greatest(opening - closing, 0)) AS lost_revenue,
        bool_or(closing < opening)::integer AS churned_accounts,
        count(*) FILTER (WHERE closes = p.at AND closing > 0) AS paying_accounts,
        sum(closing) FILTER (WHERE closes = p.at) AS mrr,
        NULL::numeric AS cogs,
        NULL::numeric AS spend,
        NULL::integer AS new_accounts
        /*: , string_agg(events, ' ') AS events */
    FROM accounts
    GROUP BY account_id
    UNION ALL
    SELECT 'all', 'cogs:' || spend_id, NULL, NULL, NULL, NULL, NULL, NULL, amount, NULL, NULL /*: , {event} */
    FROM {read}.spend_facts
    WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at >= (SELECT min(opens) FROM months) AND occurred_at < p.at
      AND is_cogs AND amount_currency = p.currency
    UNION ALL
    SELECT 'all', part, NULL, NULL, NULL, NULL, NULL, NULL, NULL, spend, new_accounts /*: , events */
    FROM ({acquisition}) AS acquisition
)
