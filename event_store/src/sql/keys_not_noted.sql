-- An entry that there is only one of has an idempotency key: 'audit TYPE ID'.
SELECT id, tenant, role, name, created_at, expires_at, revoked_at
FROM ledger.api_keys AS keys
WHERE NOT EXISTS (
        SELECT FROM ledger.idempotency_keys AS noted WHERE noted.tenant = keys.tenant AND noted.key = 'audit KeyCreated ' || keys.id
    )
    OR revoked_at IS NOT NULL AND NOT EXISTS (
        SELECT FROM ledger.idempotency_keys AS noted WHERE noted.tenant = keys.tenant AND noted.key = 'audit KeyRevoked ' || keys.id
    )
ORDER BY created_at, id
