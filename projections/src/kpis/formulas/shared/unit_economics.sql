-- The one basis of lifetime value, its ratio to the cost of acquisition, and payback. One row. What was lost and what it cost
-- to serve in a month that is not over is held against the share of its revenue that has passed, not against a whole month's.
WITH totals AS (
    SELECT
        sum(opening_revenue) AS opening_revenue,
        sum(revenue) AS revenue,
        sum(lost_revenue) AS lost_revenue,
        coalesce(sum(churned_accounts), 0) AS churned_accounts,
        coalesce(sum(paying_accounts), 0)::bigint AS paying_accounts,
        sum(mrr) AS mrr,
        sum(cogs) AS cogs,
        sum(spend) AS spend,
        coalesce(sum(new_accounts), 0) AS new_accounts
    FROM parts
),
rates AS (
    SELECT
        *,
        mrr / nullif(paying_accounts, 0) AS arpa,
        (revenue - cogs) / nullif(revenue, 0) AS gross_margin,
        lost_revenue / nullif(opening_revenue, 0) AS monthly_churn,
        spend / nullif(new_accounts, 0) AS cac
    FROM totals
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
            WHEN churned_accounts < 5 THEN 'fewer than 5 accounts left or paid less: too few to tell a lifetime'
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
        'arpa', round(arpa, 6), 'mrr', mrr, 'paying_accounts', paying_accounts,
        'gross_margin', round(gross_margin, 6), 'revenue', round(revenue, 2), 'cogs', cogs
    ) AS margin_parts,
    jsonb_build_object(
        'monthly_churn', round(monthly_churn, 6), 'lost_revenue', lost_revenue, 'opening_revenue', round(opening_revenue, 2),
        'churned_accounts', churned_accounts
    ) AS churn_parts,
    jsonb_build_object('spend', spend, 'new_accounts', new_accounts) AS cac_parts
FROM reasons
WHERE opening_revenue > 0 OR revenue > 0 OR spend IS NOT NULL
