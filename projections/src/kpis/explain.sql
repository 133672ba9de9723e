-- One figure's parts, a page of them, with the sums of all; and what the figure leaves out.
WITH periods AS (
    SELECT
        $1::text AS tenant, $2::date AS period, $3::timestamptz AS starts, $4::timestamptz AS ends,
        least($4::timestamptz, $6::timestamptz) AS at,
        coalesce($5::timestamptz, 'infinity') AS known,
        $6::timestamptz AS now,
        $7::text AS currency,
        $8::jsonb AS definition,
        $9::jsonb AS plan
),
told AS MATERIALIZED (
{told}
),
parts AS (
    SELECT part, numerator, denominator, amounts, value, note, events FROM told
    WHERE reason IS NULL AND (numerator IS NOT NULL OR denominator IS NOT NULL OR amounts <> '{}')
),
page AS (
    SELECT part, value, note, jsonb_strip_nulls(
        jsonb_build_object('numerator', numerator, 'denominator', denominator) || coalesce(amounts, '{}')
    ) AS amounts, ARRAY(
        -- Each event once, in the order of the ledger.
        SELECT event FROM unnest(string_to_array(events, ' ')) AS event WHERE event <> '' GROUP BY event
        ORDER BY split_part(event, '-', 1)::integer, split_part(event, '-', 2)::bigint
    ) AS events
    FROM (
        SELECT * FROM parts WHERE $11::text IS NULL OR part COLLATE "C" > $11 ORDER BY part COLLATE "C" LIMIT $12
    ) AS first
),
sums AS (
    SELECT name, round(sum(amount::numeric), 6)::text AS amount
    FROM parts CROSS JOIN jsonb_each_text(amounts) AS added (name, amount)
    GROUP BY name
    UNION ALL
    SELECT name, round(amount, 6)::text
    FROM (SELECT sum(numerator) AS numerator, sum(denominator) AS denominator FROM parts) AS summed
    CROSS JOIN LATERAL (VALUES ('numerator', numerator), ('denominator', denominator)) AS named (name, amount)
    WHERE amount IS NOT NULL
),
left_out AS (
    SELECT reason, part, events, row_number() OVER (PARTITION BY reason ORDER BY part COLLATE "C") AS place
    FROM told
    WHERE reason IS NOT NULL
),
reasons AS (
    SELECT reason, count(*) AS count, jsonb_agg(
        jsonb_build_object('part', part, 'events', array_to_json(string_to_array(events, ' '))) ORDER BY place
    ) FILTER (WHERE place <= $13) AS examples
    FROM left_out
    GROUP BY reason
)
SELECT
    (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'part', part,
            'amounts', (SELECT jsonb_object_agg(name, trim_scale(amount::numeric)::text) FROM jsonb_each_text(amounts) AS added (name, amount)),
            'value', trim_scale(value)::text,
            'note', note,
            'events', events[1:$14],
            'event_count', cardinality(events)
        ) ORDER BY part COLLATE "C"), '[]')
        FROM page
    ) AS parts,
    (SELECT count(*) FROM parts) AS part_count,
    (
        SELECT count(DISTINCT event) FROM parts CROSS JOIN unnest(string_to_array(events, ' ')) AS event WHERE event <> ''
    ) AS event_count,
    (SELECT coalesce(jsonb_object_agg(name, amount), '{}') FROM sums) AS sums,
    (
        SELECT coalesce(jsonb_agg(jsonb_build_object('reason', reason, 'count', count, 'examples', examples) ORDER BY reason), '[]')
        FROM reasons
    ) AS left_out
