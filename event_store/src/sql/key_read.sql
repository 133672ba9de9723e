SELECT id, tenant, role, name, created_at, expires_at, revoked_at, secret_sha256 FROM ledger.api_keys WHERE id = $1
