WITH created AS (
    INSERT INTO ledger.ledgers (partitions) VALUES ($1) ON CONFLICT DO NOTHING RETURNING partitions
)
INSERT INTO ledger.partition_heads (partition)
SELECT generate_series(0, created.partitions - 1) FROM created
ON CONFLICT DO NOTHING
