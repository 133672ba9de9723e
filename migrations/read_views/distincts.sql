CREATE OR REPLACE VIEW {views}.distincts AS
SELECT tenant,
       CASE grain WHEN 'd' THEN 'day' ELSE 'month' END AS grain,
       period,
       sum(users)::bigint AS users,
       sum(active_users)::bigint AS active_users,
       sum(capsules)::bigint AS capsules,
       sum(active_capsules)::bigint AS active_capsules,
       sum(sessions)::bigint AS sessions,
       sum(active_sessions)::bigint AS active_sessions
FROM {generation}.distincts
GROUP BY tenant, distincts.grain, period
HAVING sum(users) <> 0 OR sum(capsules) <> 0 OR sum(sessions) <> 0;
COMMENT ON VIEW {views}.distincts IS 'How many different users, capsules and sessions each day and month had. Sessions are pairs of capsule and session.';
COMMENT ON COLUMN {views}.distincts.tenant IS 'Whose they are.';
COMMENT ON COLUMN {views}.distincts.grain IS 'day or month.';
COMMENT ON COLUMN {views}.distincts.period IS 'The first day of the period, UTC.';
COMMENT ON COLUMN {views}.distincts.users IS 'With a recorded, not voided interaction of any kind.';
COMMENT ON COLUMN {views}.distincts.active_users IS 'With an active interaction, by definition 1.';
COMMENT ON COLUMN {views}.distincts.capsules IS 'With a recorded, not voided interaction of any kind.';
COMMENT ON COLUMN {views}.distincts.active_capsules IS 'With an active interaction, by definition 1.';
COMMENT ON COLUMN {views}.distincts.sessions IS 'With a recorded, not voided interaction of any kind.';
COMMENT ON COLUMN {views}.distincts.active_sessions IS 'With an active interaction, by definition 1.';
