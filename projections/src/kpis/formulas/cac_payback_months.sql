SELECT
    'all' AS segment,
    cac AS numerator,
    profit AS denominator,
    new_accounts AS n,
    CASE WHEN profit > 0 THEN cac / profit END AS value,
    jsonb_strip_nulls(margin_parts || jsonb_build_object(
        'reason', coalesce(no_profit, no_cac, CASE WHEN profit <= 0 THEN 'no gross profit: it is never paid back' END)
    )) AS parts
FROM ({unit_economics}) AS unit_economics
