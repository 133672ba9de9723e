SELECT period, segment, numerator, denominator, n, value, parts, definition, target, status, plan_version, is_partial, restated_from
FROM read.figures
WHERE tenant = $1 AND kpi = $2 AND grain = $3 AND period BETWEEN $4 AND $5 AND definition = $6
  AND ($7::text IS NULL OR segment = $7) AND ($8::text IS NULL OR starts_with(segment, $8))
  AND ($9::date IS NULL OR (period, segment) > ($9, $10))
ORDER BY period, segment
LIMIT $11
