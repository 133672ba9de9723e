SELECT segment, mrr AS numerator, NULL::numeric AS denominator, accounts AS n, mrr AS value, '{}'::jsonb AS parts
FROM ({recurring_revenue}) AS recurring_revenue
