INSERT INTO ledger.api_keys (id, tenant, role, name, secret_sha256, expires_at)
VALUES ($1, $2, $3, $4, $5, $6)
RETURNING id, tenant, role, name, created_at, expires_at, revoked_at
