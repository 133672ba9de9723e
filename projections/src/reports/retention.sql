-- The first days of the months are named one by one: so only the rows of those days are read.
WITH people AS (
    SELECT user_id, date_trunc('month', min(occurred_at) AT TIME ZONE 'UTC')::date AS cohort
    FROM read.sign_up_facts
    WHERE tenant = $1
    GROUP BY user_id
    HAVING min(occurred_at) >= $2::timestamp AT TIME ZONE 'UTC' AND min(occurred_at) < ($3 + interval '1 month') AT TIME ZONE 'UTC'
),
cohorts AS (
    SELECT cohort, count(*) AS people FROM people GROUP BY cohort
),
came AS (
    SELECT cohort, period, count(*) AS active
    FROM people
    JOIN read.members
        ON members.tenant = $1 AND grain = 'month' AND member_kind = 'user' AND member = user_id AND members.active > 0
    WHERE period = ANY($4)
    GROUP BY cohort, period
)
SELECT cohort, people, coalesce(came.active, 0) AS active
FROM cohorts
CROSS JOIN LATERAL (SELECT generate_series(cohort::timestamp, $3::timestamp, interval '1 month')::date AS period) AS months
LEFT JOIN came USING (cohort, period)
ORDER BY cohort, period
