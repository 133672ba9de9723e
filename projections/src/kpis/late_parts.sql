, first AS (
    SELECT * FROM changed WHERE $18::text IS NULL OR part COLLATE "C" > $18 ORDER BY part COLLATE "C" LIMIT $19
),
own AS (
    SELECT segment, part, array_agg(event ORDER BY split_part(event, '-', 1)::integer, split_part(event, '-', 2)::bigint) AS events
    FROM of_its_own JOIN first USING (segment, part)
    GROUP BY segment, part
),
of_segment AS (
    SELECT segment, array_agg(event ORDER BY split_part(event, '-', 1)::integer, split_part(event, '-', 2)::bigint) AS events
    FROM shared
    GROUP BY segment
),
page AS (
    SELECT first.*, left_out.reason, coalesce(own.events, of_segment.events, '{}') AS late_events
    FROM first
    LEFT JOIN left_out USING (segment, part)
    LEFT JOIN own USING (segment, part)
    LEFT JOIN of_segment USING (segment)
),
sums AS (
    SELECT name, round(coalesce(sum(amount) FILTER (WHERE is_then), 0), 6)::text AS then_amount,
        round(coalesce(sum(amount) FILTER (WHERE NOT is_then), 0), 6)::text AS now_amount
    FROM (
        SELECT true AS is_then, name, amount::numeric FROM then_told CROSS JOIN jsonb_each_text(amounts) AS added (name, amount)
        UNION ALL
        SELECT false, name, amount::numeric FROM now_parts CROSS JOIN jsonb_each_text(amounts) AS added (name, amount)
        UNION ALL
        SELECT true, name, amount
        FROM (SELECT sum(numerator) AS numerator, sum(denominator) AS denominator FROM then_told) AS summed
        CROSS JOIN LATERAL (VALUES ('numerator', numerator), ('denominator', denominator)) AS named (name, amount)
        UNION ALL
        SELECT false, name, amount
        FROM (SELECT sum(numerator) AS numerator, sum(denominator) AS denominator FROM now_parts) AS summed
        CROSS JOIN LATERAL (VALUES ('numerator', numerator), ('denominator', denominator)) AS named (name, amount)
    ) AS of_both
    WHERE amount IS NOT NULL
    GROUP BY name
)
SELECT
    (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'part', part,
            'then', (SELECT jsonb_object_agg(name, trim_scale(amount::numeric)::text) FROM jsonb_each_text(then_amounts) AS added (name, amount)),
            'now', (SELECT jsonb_object_agg(name, trim_scale(amount::numeric)::text) FROM jsonb_each_text(now_amounts) AS added (name, amount)),
            'value_then', trim_scale(then_value)::text,
            'value_now', trim_scale(now_value)::text,
            'note', coalesce(note, reason),
            'events', to_jsonb(late_events[1:$20]),
            'event_count', cardinality(late_events)
        ) ORDER BY part COLLATE "C"), '[]')
        FROM page
    ) AS parts,
    (SELECT count(*) FROM changed) AS part_count,
    (SELECT count(DISTINCT event) FROM late) AS event_count,
    (
        SELECT jsonb_build_object(
            'then', coalesce(jsonb_object_agg(name, then_amount), '{}'), 'now', coalesce(jsonb_object_agg(name, now_amount), '{}')
        )
        FROM sums
    ) AS sums
