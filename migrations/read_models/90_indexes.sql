-- Not needed to load a generation, only to read it.
CREATE INDEX IF NOT EXISTS interactions_occurred ON interactions (tenant, occurred_at);
CREATE INDEX IF NOT EXISTS interactions_id ON interactions (interaction_id);
ANALYZE capsules, interactions, interaction_voids, daily_counts, daily_totals, monthly_counts, members, distincts;
