-- From good and total to the figure and the error budget that is left, against p.plan.
SELECT
    'all' AS segment,
    good AS numerator,
    total AS denominator,
    n,
    good / nullif(total, 0) AS value,
    jsonb_strip_nulls(jsonb_build_object(
        'objective', objective,
        -- 1: all of it is left; 0: used up; below: overdrawn.
        'error_budget_left', round(1 - (1 - good / nullif(total, 0)) / nullif(1 - objective, 0), 6)
    )) || more AS parts
FROM counted
WHERE n > 0
