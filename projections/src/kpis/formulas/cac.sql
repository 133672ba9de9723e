WITH parts AS (
    SELECT
        'all' AS segment,
        part,
        CASE WHEN opens >= p.starts THEN spend END AS numerator,
        CASE WHEN opens >= p.starts THEN new_accounts END AS denominator,
        spend AS trailing_spend,
        new_accounts AS trailing_new_accounts
        /*: , CASE WHEN opens < p.starts THEN 'before the period: in the trailing three months alone' END AS note, events,
        jsonb_build_object('trailing_3_months_spend', spend, 'trailing_3_months_new_accounts', new_accounts) AS amounts */
    FROM ({acquisition}) AS acquisition
)
-- The figure
SELECT
    'all' AS segment,
    spend AS numerator,
    new_accounts AS denominator,
    new_accounts AS n,
    spend / nullif(new_accounts, 0) AS value,
    jsonb_strip_nulls(jsonb_build_object(
        'trailing_3_months', round(trailing_spend / nullif(trailing_new_accounts, 0), 6),
        'trailing_3_months_spend', trailing_spend,
        'trailing_3_months_new_accounts', trailing_new_accounts,
        'reason', CASE
            WHEN new_accounts = 0 THEN 'no account paid for the first time in the period'
            WHEN spend IS NULL THEN 'no spend on acquisition is recorded in the period'
        END
    )) AS parts
FROM (
    SELECT
        sum(numerator) AS spend,
        coalesce(sum(denominator), 0) AS new_accounts,
        sum(trailing_spend) AS trailing_spend,
        coalesce(sum(trailing_new_accounts), 0) AS trailing_new_accounts
    FROM parts
) AS acquired
WHERE trailing_spend IS NOT NULL OR trailing_new_accounts > 0
-- Left out
SELECT segment, part, reason, events FROM ({left_out_subscriptions}) AS left_out WHERE segment = 'all' AND reason <> 'ended'
UNION ALL
SELECT 'all', part, reason, events
FROM ({left_out_spend} AND is_acquisition AND occurred_at >= p.starts AND occurred_at < p.at) AS left_out
