-- The audit log shows erasures by their own events, whose ids say nothing of time. Other events have no place in this index, so it
-- costs their append next to nothing.
CREATE INDEX events_erasures ON ledger.events (tenant, recorded_at, aggregate_id) WHERE aggregate_type = 'subject';
