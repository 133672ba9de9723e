SELECT *
FROM read.interactions
WHERE tenant = $1
  AND occurred_at >= $2
  AND occurred_at < $3
  AND ($4::text IS NULL OR capsule_id = $4)
  AND (cardinality($5::text[]) = 0 OR kind = ANY ($5))
  AND (cardinality($6::text[]) = 0 OR actor = ANY ($6))
  -- Not `voided_at IS NULL`: the planner then takes almost every row for voided, and sorts a month for one page.
  AND ($7 OR num_nonnulls(voided_at) < 1)
  AND ($8::timestamptz IS NULL OR (occurred_at, partition, position) > ($8, $9::integer, $10::bigint))
ORDER BY occurred_at, partition, position
LIMIT $11
