SELECT
    'all' AS segment,
    ltv AS numerator,
    cac AS denominator,
    new_accounts AS n,
    CASE WHEN cac > 0 THEN ltv / cac END AS value,
    jsonb_strip_nulls(margin_parts || churn_parts || jsonb_build_object(
        'reason', coalesce(no_profit, no_churn, no_cac, CASE WHEN cac <= 0 THEN 'winning customers cost nothing' END)
    )) AS parts
FROM ({unit_economics}) AS unit_economics
