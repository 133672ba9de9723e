-- The three calendar months, UTC, up to the one that holds the last moment before p.at, which is cut at p.at;
-- passed is the share of the month that lies before its cut, 1 where it is over.
SELECT opens, closes, extract(epoch FROM closes - opens) / extract(epoch FROM month + interval '1 month' - month) AS passed
FROM (SELECT date_trunc('month', (p.at - interval '1 microsecond') AT TIME ZONE 'UTC') AS first_day) AS present
CROSS JOIN LATERAL generate_series(first_day - interval '2 months', first_day, interval '1 month') AS month
CROSS JOIN LATERAL (
    SELECT month AT TIME ZONE 'UTC' AS opens, least((month + interval '1 month') AT TIME ZONE 'UTC', p.at) AS closes
) AS cut
