SELECT
    'all' AS segment,
    profit AS numerator,
    monthly_churn AS denominator,
    paying_accounts AS n,
    ltv AS value,
    jsonb_strip_nulls(
        margin_parts || churn_parts || jsonb_build_object('reason', coalesce(no_profit, no_churn))
    ) AS parts
FROM ({unit_economics}) AS unit_economics
WHERE opening_revenue > 0 OR revenue > 0
