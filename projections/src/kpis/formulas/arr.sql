SELECT segment, 12 * mrr AS numerator, NULL::numeric AS denominator, accounts AS n, 12 * mrr AS value, '{}'::jsonb AS parts
FROM ({recurring_revenue}) AS recurring_revenue
