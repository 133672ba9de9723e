SELECT kpi, period, segment, numerator, denominator, n, value, parts, definition, target, status, plan_version, is_partial, restated_from
FROM read.figures
JOIN unnest($2::text[], $3::text[], $4::date[], $5::boolean[]) AS asked (kpi, grain, first_period, has_total) USING (kpi, grain)
WHERE tenant = $1 AND period BETWEEN first_period AND $6 AND (segment = 'all' OR NOT has_total)
ORDER BY kpi, period, segment
