SELECT period, active_users, active_capsules, active_sessions, users
FROM {read}.distincts
WHERE tenant = $1 AND grain = $2 AND period BETWEEN $3 AND $4
