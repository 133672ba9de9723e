-- The tenants with rules whose turn it is. Of several processes, one takes it.
UPDATE vault.tenants
SET retention_applied_at = now()
WHERE (retention_applied_at IS NULL OR retention_applied_at <= now() - $1 * interval '1 second')
    AND EXISTS (
        SELECT FROM ledger.events
        WHERE aggregate_type = 'retention_rule' AND aggregate_id >= tenants.tenant || '/' AND aggregate_id < tenants.tenant || '0'
    )
RETURNING tenant
