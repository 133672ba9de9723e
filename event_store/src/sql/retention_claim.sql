-- The next tenant with rules whose turn it is, of those not tried yet, and when it had its last. Of several processes, one takes it.
WITH due AS (
    SELECT tenant, retention_applied_at
    FROM vault.tenants
    WHERE (retention_applied_at IS NULL OR retention_applied_at <= now() - $1 * interval '1 second')
        AND tenant <> ALL ($2)
        AND EXISTS (
            SELECT FROM ledger.events
            WHERE aggregate_type = 'retention_rule' AND aggregate_id >= tenants.tenant || '/' AND aggregate_id < tenants.tenant || '0'
        )
    ORDER BY tenant
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
UPDATE vault.tenants SET retention_applied_at = now()
FROM due
WHERE tenants.tenant = due.tenant
RETURNING due.tenant, due.retention_applied_at
