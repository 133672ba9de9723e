WITH acquired AS (
    SELECT
        sum(spend) FILTER (WHERE opens >= p.starts) AS spend,
        coalesce(sum(new_accounts) FILTER (WHERE opens >= p.starts), 0) AS new_accounts,
        sum(spend) AS trailing_spend,
        sum(new_accounts) AS trailing_new_accounts
    FROM ({acquisition}) AS acquisition
)
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
FROM acquired
WHERE trailing_spend IS NOT NULL OR trailing_new_accounts > 0
