SELECT aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata
FROM ledger.events
WHERE aggregate_type = $1 AND (aggregate_id, sequence) > ($2, $3)
ORDER BY aggregate_id, sequence
LIMIT $4
