WITH known AS (
    INSERT INTO ledger.tenants (tenant) VALUES ($1) ON CONFLICT DO NOTHING
)
INSERT INTO vault.tenants (tenant, key) VALUES ($1, $2) ON CONFLICT DO NOTHING
