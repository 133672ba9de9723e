WITH spent AS (
    SELECT spend_id, category, amount /*: , {event} AS events */
    FROM {read}.spend_facts
    WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at >= p.starts AND occurred_at < p.ends
      AND amount_currency = p.currency
),
months AS (
    SELECT generate_series(p.starts AT TIME ZONE 'UTC', (p.ends AT TIME ZONE 'UTC') - interval '1 day', interval '1 month')::date AS month
),
-- A budget that was set goes before the plan's share of the stage's.
budgets AS (
    SELECT DISTINCT ON (budget_id) category, month, amount /*: , {event} AS events */
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
    SELECT category, month, coalesce(amount, monthly) AS plan, amount IS NOT NULL AS is_set,
        bool_or(amount IS NOT NULL) OVER (PARTITION BY category) AS is_any_set
        /*: , events */
    FROM months
    CROSS JOIN (SELECT category FROM planned UNION SELECT category FROM budgets) AS categories
    LEFT JOIN planned USING (category)
    LEFT JOIN (
        SELECT category, month, sum(amount) AS amount /*: , string_agg(events, ' ') AS events */ FROM budgets GROUP BY category, month
    ) AS budget USING (category, month)
),
parts AS (
    SELECT segment, part, numerator, denominator, is_any_set /*: , events */
    FROM (
        -- Of a category without a plan no budget is set.
        SELECT category, 'spend:' || spend_id AS part, amount AS numerator, NULL::numeric AS denominator,
            CASE WHEN NOT EXISTS (SELECT FROM held_against WHERE held_against.category = spent.category) THEN false END AS is_any_set
            /*: , events */
        FROM spent
        UNION ALL
        SELECT category, CASE WHEN is_set THEN 'budget:' ELSE 'plan:' END || category || ' ' || to_char(month, 'YYYY-MM'), NULL, plan, is_any_set
            /*: , events */
        FROM held_against
    ) AS both_sides
    CROSS JOIN LATERAL (VALUES ('all'), ('category:' || category)) AS split (segment)
    -- No data before anything was spent at all.
    WHERE EXISTS (
        SELECT FROM {read}.spend_facts WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at < p.ends
    )
)
-- The figure
SELECT
    segment,
    coalesce(sum(numerator), 0) AS numerator,
    sum(denominator) AS denominator,
    count(numerator) AS n,
    coalesce(sum(numerator), 0) - sum(denominator) AS value,
    jsonb_build_object(
        'share_of_plan', round(coalesce(sum(numerator), 0) / nullif(sum(denominator), 0), 6),
        'plan_from', CASE WHEN bool_and(is_any_set) THEN 'budgets' WHEN bool_or(is_any_set) THEN 'budgets and plan' ELSE 'plan' END
    ) AS parts
FROM parts
GROUP BY segment
-- Left out
{left_out_spend} AND occurred_at >= p.starts AND occurred_at < p.ends
