-- What an account brings in, keeps and costs, over the three calendar months up to p.at: the one basis of lifetime value,
-- its ratio to the cost of acquisition, and payback. One row. What was lost and what it cost to serve in a month that is not
-- over is held against the share of its revenue that has passed, not against a whole month's.
WITH months AS (
    SELECT opens, closes, passed FROM ({trailing_months}) AS trailing_months
),
paying AS MATERIALIZED (
    SELECT account_id, monthly, begins, ends FROM ({terms}) AS terms WHERE pays
),
-- An account is one customer, however many subscriptions it has: moving between them loses nothing.
accounts AS (
    SELECT
        account_id, closes, passed,
        coalesce(sum(monthly) FILTER (WHERE begins < opens), 0) AS opening,
        coalesce(sum(monthly) FILTER (WHERE begins < closes AND ends >= closes), 0) AS closing
    FROM months JOIN paying ON begins < closes AND ends >= opens
    WHERE begins < opens OR ends >= closes
    GROUP BY account_id, opens, closes, passed
),
totals AS (
    SELECT
        sum(opening * passed) AS opening_revenue,
        sum(closing * passed) AS revenue,
        sum(greatest(opening - closing, 0)) AS lost_revenue,
        count(DISTINCT account_id) FILTER (WHERE closing < opening) AS churned_accounts,
        count(*) FILTER (WHERE closes = p.at AND closing > 0) AS paying_accounts,
        sum(closing) FILTER (WHERE closes = p.at) AS mrr
    FROM accounts
),
cost_of_sales AS (
    SELECT sum(amount) AS cogs FROM {read}.spend_facts
    WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at >= (SELECT min(opens) FROM months) AND occurred_at < p.at
      AND is_cogs AND amount_currency = p.currency
),
acquired AS (
    SELECT sum(spend) AS spend, sum(new_accounts) AS new_accounts FROM ({acquisition}) AS acquisition
),
rates AS (
    SELECT
        *,
        mrr / nullif(paying_accounts, 0) AS arpa,
        (revenue - cogs) / nullif(revenue, 0) AS gross_margin,
        lost_revenue / nullif(opening_revenue, 0) AS monthly_churn,
        spend / nullif(new_accounts, 0) AS cac
    FROM totals, cost_of_sales, acquired
),
reasons AS (
    SELECT
        *,
        CASE
            WHEN paying_accounts = 0 THEN 'nobody pays at the end'
            WHEN cogs IS NULL THEN 'no cost of goods sold is recorded in the three months'
        END AS no_profit,
        CASE
            WHEN coalesce(lost_revenue, 0) = 0 THEN 'no revenue was lost in the three months'
            WHEN monthly_churn < 0.01 THEN 'less than 1 % of revenue was lost a month: too little to tell'
            WHEN churned_accounts < 5 THEN 'fewer than 5 accounts brought less: too few to tell'
        END AS no_churn,
        CASE
            WHEN new_accounts = 0 THEN 'no account paid for the first time in the three months'
            WHEN spend IS NULL THEN 'no spend on acquisition is recorded in the three months'
        END AS no_cac
    FROM rates
)
SELECT
    *,
    arpa * gross_margin AS profit,
    CASE WHEN coalesce(no_profit, no_churn) IS NULL THEN arpa * gross_margin / monthly_churn END AS ltv,
    jsonb_build_object(
        'arpa', round(arpa, 6), 'gross_margin', round(gross_margin, 6), 'revenue', round(revenue, 2), 'cogs', cogs
    ) AS margin_parts,
    jsonb_build_object(
        'monthly_churn', round(monthly_churn, 6), 'lost_revenue', lost_revenue, 'opening_revenue', round(opening_revenue, 2),
        'churned_accounts', churned_accounts
    ) AS churn_parts
FROM reasons
WHERE opening_revenue > 0 OR revenue > 0 OR spend IS NOT NULL
