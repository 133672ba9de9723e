-- $5: the first moment that is not known yet; all is known where it is null.
WITH known AS (
    SELECT
        date_trunc($2, occurred_at AT TIME ZONE 'UTC')::date AS period,
        kind = ANY ($6::text[]) AND actor = ANY ($7::text[]) AS active,
        user_id, capsule_id, session_id
    FROM {read}.interactions
    WHERE tenant = $1
      AND occurred_at >= $3::date::timestamp AT TIME ZONE 'UTC'
      AND occurred_at < $4::date::timestamp AT TIME ZONE 'UTC'
      AND ($5::date IS NULL OR recorded_at < $5::date::timestamp AT TIME ZONE 'UTC')
      AND (void_recorded_at IS NULL OR ($5::date IS NOT NULL AND void_recorded_at >= $5::date::timestamp AT TIME ZONE 'UTC'))
),
-- Members first, then how many: hashes, where count(DISTINCT …) would sort every interaction.
of_users AS (
    SELECT period, count(*) AS users, count(*) FILTER (WHERE active) AS active_users
    FROM (SELECT period, user_id, bool_or(active) AS active FROM known WHERE user_id IS NOT NULL GROUP BY 1, 2) AS member
    GROUP BY period
),
of_capsules AS (
    SELECT period, count(*) AS active_capsules
    FROM (SELECT DISTINCT period, capsule_id FROM known WHERE active) AS member
    GROUP BY period
),
of_sessions AS (
    SELECT period, count(*) AS active_sessions
    FROM (SELECT DISTINCT period, capsule_id, session_id FROM known WHERE active AND session_id IS NOT NULL) AS member
    GROUP BY period
)
SELECT
    period,
    coalesce(users, 0) AS users,
    coalesce(active_users, 0) AS active_users,
    coalesce(active_capsules, 0) AS active_capsules,
    coalesce(active_sessions, 0) AS active_sessions
FROM of_users
FULL JOIN of_capsules USING (period)
FULL JOIN of_sessions USING (period)
