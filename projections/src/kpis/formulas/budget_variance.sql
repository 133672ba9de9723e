WITH spent AS (
    SELECT category, sum(amount) AS actual, count(*) AS n
    FROM {read}.spend_facts
    WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at >= p.starts AND occurred_at < p.ends
      AND amount_currency = p.currency
    GROUP BY category
),
months AS (
    SELECT generate_series(p.starts AT TIME ZONE 'UTC', (p.ends AT TIME ZONE 'UTC') - interval '1 day', interval '1 month')::date AS month
),
-- A budget that was set goes before the plan's share of the stage's.
budgets AS (
    SELECT DISTINCT ON (budget_id) category, month, amount
    FROM {read}.budget_facts
    WHERE tenant = p.tenant AND recorded_at < p.known AND amount_currency = p.currency
      AND month >= (p.starts AT TIME ZONE 'UTC')::date AND month < (p.ends AT TIME ZONE 'UTC')::date
    ORDER BY budget_id, occurred_at DESC, sequence DESC
),
planned AS (
    SELECT share ->> 'category' AS category,
        (stage ->> 'budget')::numeric * (share ->> 'percent')::numeric / 100
            / ((stage -> 'months' ->> 1)::integer - (stage -> 'months' ->> 0)::integer + 1) AS monthly
    FROM (SELECT p.plan -> 'stage' AS stage) AS planned, jsonb_array_elements(stage -> 'budget_shares') AS share
),
held_against AS (
    SELECT category, sum(coalesce(amount, monthly)) AS plan, bool_or(amount IS NOT NULL) AS is_set
    FROM months
    CROSS JOIN (SELECT category FROM planned UNION SELECT category FROM budgets) AS categories
    LEFT JOIN planned USING (category)
    LEFT JOIN (SELECT category, month, sum(amount) AS amount FROM budgets GROUP BY category, month) AS budget USING (category, month)
    GROUP BY category
)
SELECT
    segment,
    coalesce(sum(actual), 0) AS numerator,
    sum(plan) AS denominator,
    coalesce(sum(n), 0) AS n,
    coalesce(sum(actual), 0) - sum(plan) AS value,
    jsonb_build_object(
        'share_of_plan', round(coalesce(sum(actual), 0) / nullif(sum(plan), 0), 6),
        'plan_from', CASE WHEN bool_and(coalesce(is_set, false)) THEN 'budgets' WHEN bool_or(is_set) THEN 'budgets and plan' ELSE 'plan' END
    ) AS parts
FROM spent FULL JOIN held_against USING (category)
CROSS JOIN LATERAL (VALUES ('all'), ('category:' || category)) AS split (segment)
-- No data before anything was spent at all.
WHERE EXISTS (
    SELECT FROM {read}.spend_facts WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at < p.ends
)
GROUP BY segment
