-- For each partition and moment the first position recorded at that moment or later: positions are dense and recorded_at never
-- goes back within a partition, so halving finds it in some twenty looks at the index.
WITH RECURSIVE halved AS (
    SELECT place, asked.partition, moment, 0::bigint AS least, next_position AS most
    FROM unnest($1::integer[], $2::timestamptz[]) WITH ORDINALITY AS asked (partition, moment, place)
    JOIN ledger.partition_heads USING (partition)
    UNION ALL
    SELECT
        place, halved.partition, moment,
        CASE WHEN recorded_at < moment THEN middle + 1 ELSE least END,
        CASE WHEN recorded_at < moment THEN most ELSE middle END
    FROM halved
    CROSS JOIN LATERAL (SELECT (least + most) / 2 AS middle) AS half
    JOIN ledger.events ON events.partition = halved.partition AND position = middle
    WHERE least < most
)
SELECT least FROM halved WHERE least = most ORDER BY place
