-- What each column is; of the tables of facts, the program says it from the events' schemas. Not part of a generation's form.
COMMENT ON COLUMN capsules.tenant IS 'Whose it is.';
COMMENT ON COLUMN capsules.capsule_id IS 'As its clients name it.';
COMMENT ON COLUMN capsules.title IS 'Its present title.';
COMMENT ON COLUMN capsules.state IS 'draft, open (takes interactions) or closed (archived).';
COMMENT ON COLUMN capsules.created_at IS 'When it was created, in business time.';
COMMENT ON COLUMN capsules.published_at IS 'When it was opened; null: never.';
COMMENT ON COLUMN capsules.archived_at IS 'When it was closed; null: it is not.';
COMMENT ON COLUMN capsules.version IS 'The number of its own events.';
COMMENT ON COLUMN capsules.interactions IS 'Recorded, not voided interactions of every kind by anybody.';
COMMENT ON COLUMN capsules.active IS 'Active interactions among them, by definition 1.';
COMMENT ON COLUMN capsules.partition IS 'The partition of its events.';
COMMENT ON COLUMN capsules.last_position IS 'The position of the last event that changed this row.';

COMMENT ON COLUMN interactions.occurred_at IS 'When it happened; periods go by this, in UTC.';
COMMENT ON COLUMN interactions.recorded_at IS 'When the ledger took it.';
COMMENT ON COLUMN interactions.position IS 'The position of its event; PARTITION-POSITION is the event''s id.';
COMMENT ON COLUMN interactions.partition IS 'The partition of its event in the ledger.';
COMMENT ON COLUMN interactions.duration_ms IS 'How long it lasted, milliseconds.';
COMMENT ON COLUMN interactions.response_ms IS 'How long the capsule took to answer, milliseconds.';
COMMENT ON COLUMN interactions.ai_response_ms IS 'How long the AI took to answer, milliseconds.';
COMMENT ON COLUMN interactions.page_load_ms IS 'How long the page took to load, milliseconds.';
COMMENT ON COLUMN interactions.user_id IS 'The user''s pseudonym; null: not known.';
COMMENT ON COLUMN interactions.tenant IS 'Whose it is.';
COMMENT ON COLUMN interactions.interaction_id IS 'As its client named it; unique in a tenant.';
COMMENT ON COLUMN interactions.capsule_id IS 'The capsule that was used.';
COMMENT ON COLUMN interactions.session_id IS 'The visit to the capsule; distinct together with capsule_id.';
COMMENT ON COLUMN interactions.kind IS 'view, interaction, content_access or conversion.';
COMMENT ON COLUMN interactions.actor IS 'human, bot, preview or test.';
COMMENT ON COLUMN interactions.feature IS 'The feature that was used.';
COMMENT ON COLUMN interactions.channel IS 'The channel it came by.';
COMMENT ON COLUMN interactions.device IS 'The kind of device.';
COMMENT ON COLUMN interactions.region IS 'The region it came from.';
COMMENT ON COLUMN interactions.attributes IS 'Anything else its client sent.';

COMMENT ON COLUMN interaction_voids.tenant IS 'Whose it is.';
COMMENT ON COLUMN interaction_voids.interaction_id IS 'The interaction that does not count.';
COMMENT ON COLUMN interaction_voids.voided_at IS 'When it was found not to count, in business time.';
COMMENT ON COLUMN interaction_voids.recorded_at IS 'When the ledger took the void.';
COMMENT ON COLUMN interaction_voids.position IS 'The position of the void''s event, in the partition of the interaction''s.';
COMMENT ON COLUMN interaction_voids.reason IS 'mistake, fraud, bot, test or other.';

COMMENT ON COLUMN daily_counts.tenant IS 'Whose they are.';
COMMENT ON COLUMN daily_counts.partition IS 'The partition of their events.';
COMMENT ON COLUMN daily_counts.occurred_day IS 'The day they happened, UTC.';
COMMENT ON COLUMN daily_counts.recorded_day IS 'The day the ledger took them or their void, UTC.';
COMMENT ON COLUMN daily_counts.kind IS 'view, interaction, content_access or conversion.';
COMMENT ON COLUMN daily_counts.actor IS 'human, bot, preview or test.';
COMMENT ON COLUMN daily_counts.count IS 'Recorded less voided.';

COMMENT ON COLUMN daily_totals.tenant IS 'Whose they are.';
COMMENT ON COLUMN daily_totals.partition IS 'The partition of their events.';
COMMENT ON COLUMN daily_totals.occurred_day IS 'The day they happened, UTC.';
COMMENT ON COLUMN daily_totals.kind IS 'view, interaction, content_access or conversion.';
COMMENT ON COLUMN daily_totals.actor IS 'human, bot, preview or test.';
COMMENT ON COLUMN daily_totals.count IS 'Recorded less voided.';

COMMENT ON COLUMN monthly_counts.tenant IS 'Whose they are.';
COMMENT ON COLUMN monthly_counts.partition IS 'The partition of their events.';
COMMENT ON COLUMN monthly_counts.month IS 'The first day of the month they happened in, UTC.';
COMMENT ON COLUMN monthly_counts.kind IS 'view, interaction, content_access or conversion.';
COMMENT ON COLUMN monthly_counts.actor IS 'human, bot, preview or test.';
COMMENT ON COLUMN monthly_counts.count IS 'Recorded less voided.';

COMMENT ON COLUMN members.period IS 'The first day of the period, UTC.';
COMMENT ON COLUMN members.total IS 'Its recorded, not voided interactions in the period.';
COMMENT ON COLUMN members.active IS 'The active ones among them, by definition 1.';
COMMENT ON COLUMN members.grain IS 'd: day; m: month.';
COMMENT ON COLUMN members.kind IS 'u: user; c: capsule; s: session.';
COMMENT ON COLUMN members.tenant IS 'Whose it is.';
COMMENT ON COLUMN members.member IS 'A user''s pseudonym; of a capsule and a session, the first 16 bytes of the SHA-256 of its id (CAPSULE, or CAPSULE/SESSION).';

COMMENT ON COLUMN distincts.period IS 'The first day of the period, UTC.';
COMMENT ON COLUMN distincts.partition IS 'The partition of the events that changed it. A single row may be below zero.';
COMMENT ON COLUMN distincts.grain IS 'd: day; m: month.';
COMMENT ON COLUMN distincts.tenant IS 'Whose they are.';
COMMENT ON COLUMN distincts.users IS 'Users with a recorded, not voided interaction of any kind.';
COMMENT ON COLUMN distincts.active_users IS 'Users with an active interaction, by definition 1.';
COMMENT ON COLUMN distincts.capsules IS 'Capsules with a recorded, not voided interaction of any kind.';
COMMENT ON COLUMN distincts.active_capsules IS 'Capsules with an active interaction, by definition 1.';
COMMENT ON COLUMN distincts.sessions IS 'Sessions with a recorded, not voided interaction of any kind.';
COMMENT ON COLUMN distincts.active_sessions IS 'Sessions with an active interaction, by definition 1.';

COMMENT ON COLUMN changes.tenant IS 'Whose they are.';
COMMENT ON COLUMN changes.fact IS 'The kind of aggregate whose facts have changed.';
COMMENT ON COLUMN changes.day IS 'The day they happened, UTC.';

COMMENT ON COLUMN pending_figures.tenant IS 'Whose they are.';
COMMENT ON COLUMN pending_figures.kpi IS 'The KPI''s id in the register.';
COMMENT ON COLUMN pending_figures.from_day IS 'The first day that changed, UTC.';
COMMENT ON COLUMN pending_figures.to_day IS 'The last day that changed, UTC.';

COMMENT ON COLUMN first_facts.tenant IS 'Whose they are.';
COMMENT ON COLUMN first_facts.fact IS 'The kind of aggregate.';
COMMENT ON COLUMN first_facts.first_day IS 'The day its first fact happened, UTC.';

COMMENT ON COLUMN figure_formulas.kpi IS 'The KPI''s id in the register.';
COMMENT ON COLUMN figure_formulas.sha256 IS 'SHA-256 of the formula.';

COMMENT ON COLUMN figures.tenant IS 'Whose it is.';
COMMENT ON COLUMN figures.kpi IS 'The KPI''s id in the register.';
COMMENT ON COLUMN figures.definition IS 'The version of the definition that it is made by.';
COMMENT ON COLUMN figures.grain IS 'day, week (ISO, from Monday), month or quarter.';
COMMENT ON COLUMN figures.period IS 'The period''s first day, UTC.';
COMMENT ON COLUMN figures.segment IS 'all, or DIMENSION:VALUE.';
COMMENT ON COLUMN figures.numerator IS 'What is counted or summed.';
COMMENT ON COLUMN figures.denominator IS 'What it is divided by or held against; null for a plain count or sum.';
COMMENT ON COLUMN figures.n IS 'How many facts it rests on.';
COMMENT ON COLUMN figures.value IS 'The figure; null: no data, which is not zero.';
COMMENT ON COLUMN figures.parts IS 'What the formula shows beside it.';
COMMENT ON COLUMN figures.target IS 'What the plan in force names for it; null: no target.';
COMMENT ON COLUMN figures.status IS 'reached, missed, in_progress (missed so far, by what is counted up to the end of a period that is not over), no_target or no_data.';
COMMENT ON COLUMN figures.plan_version IS 'The version of the plan in force at the period''s end.';
COMMENT ON COLUMN figures.is_partial IS 'The period is not over.';
COMMENT ON COLUMN figures.restated_from IS 'What the figure was when the period closed, where it has changed since; else null.';

COMMENT ON COLUMN figure_times.tenant IS 'Whose they are.';
COMMENT ON COLUMN figure_times.kpi IS 'The KPI''s id in the register.';
COMMENT ON COLUMN figure_times.computed_at IS 'When its figures were last made.';
