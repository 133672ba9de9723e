-- One part for each grain and kind: a reader who names them has the others left out, and the key's order used, which a CASE would hide.
CREATE OR REPLACE VIEW {views}.members AS
SELECT tenant, 'day' AS grain, period, 'user' AS member_kind, member, total, active
FROM {generation}.members WHERE grain = 'd' AND kind = 'u' AND total <> 0
UNION ALL
SELECT tenant, 'day' AS grain, period, 'capsule' AS member_kind, member, total, active
FROM {generation}.members WHERE grain = 'd' AND kind = 'c' AND total <> 0
UNION ALL
SELECT tenant, 'day' AS grain, period, 'session' AS member_kind, member, total, active
FROM {generation}.members WHERE grain = 'd' AND kind = 's' AND total <> 0
UNION ALL
SELECT tenant, 'month' AS grain, period, 'user' AS member_kind, member, total, active
FROM {generation}.members WHERE grain = 'm' AND kind = 'u' AND total <> 0
UNION ALL
SELECT tenant, 'month' AS grain, period, 'capsule' AS member_kind, member, total, active
FROM {generation}.members WHERE grain = 'm' AND kind = 'c' AND total <> 0
UNION ALL
SELECT tenant, 'month' AS grain, period, 'session' AS member_kind, member, total, active
FROM {generation}.members WHERE grain = 'm' AND kind = 's' AND total <> 0;
COMMENT ON VIEW {views}.members IS 'Every user, capsule and session of each period, and how many interactions it had in it.';
COMMENT ON COLUMN {views}.members.tenant IS 'Whose they are.';
COMMENT ON COLUMN {views}.members.grain IS 'day or month.';
COMMENT ON COLUMN {views}.members.period IS 'The first day of the period, UTC.';
COMMENT ON COLUMN {views}.members.member_kind IS 'user, capsule or session.';
COMMENT ON COLUMN {views}.members.member IS 'A user''s pseudonym; of a capsule and a session, the first 16 bytes of the SHA-256 of its id (CAPSULE, or CAPSULE/SESSION).';
COMMENT ON COLUMN {views}.members.total IS 'Its recorded, not voided interactions in the period.';
COMMENT ON COLUMN {views}.members.active IS 'The active ones among them, by definition 1.';
