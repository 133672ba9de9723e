UPDATE ledger.api_keys SET revoked_at = coalesce(revoked_at, now())
WHERE tenant = $1 AND id = $2
RETURNING id, tenant, role, name, created_at, expires_at, revoked_at
