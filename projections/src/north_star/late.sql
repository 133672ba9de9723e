-- Active interactions recorded since $5 that count, and voids recorded since of those that counted then.
SELECT
    date_trunc($2, occurred_at AT TIME ZONE 'UTC')::date AS period,
    count(*) FILTER (WHERE recorded_at >= since AND void_recorded_at IS NULL)
        + count(*) FILTER (WHERE recorded_at < since AND void_recorded_at >= since) AS late
FROM read.interactions CROSS JOIN (SELECT $5::date::timestamp AT TIME ZONE 'UTC' AS since) AS asked
WHERE tenant = $1
  AND occurred_at >= $3::date::timestamp AT TIME ZONE 'UTC'
  AND occurred_at < $4::date::timestamp AT TIME ZONE 'UTC'
  AND kind = ANY ($6::text[]) AND actor = ANY ($7::text[])
GROUP BY 1
