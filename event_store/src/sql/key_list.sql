SELECT id, tenant, role, name, created_at, expires_at, revoked_at FROM ledger.api_keys WHERE tenant = $1 ORDER BY created_at, id
