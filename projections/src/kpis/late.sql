-- A figure's parts by what was known then, beside those by what is known now; and the events recorded since, of what changed.
WITH then_told AS MATERIALIZED (
    WITH periods AS (
        SELECT
            $1::text AS tenant, $2::date AS period, $3::timestamptz AS starts, $4::timestamptz AS ends,
            least($4::timestamptz, $6::timestamptz) AS at,
            $5::timestamptz AS known,
            $6::timestamptz AS now,
            $7::text AS currency,
            $8::jsonb AS definition,
            $9::jsonb AS plan
    )
    SELECT segment, part, numerator, denominator, amounts, value FROM (
{told}
    ) AS told
    WHERE reason IS NULL AND (numerator IS NOT NULL OR denominator IS NOT NULL OR amounts <> '{}') AND segment = ANY ($16::text[])
),
now_told AS MATERIALIZED (
    WITH periods AS (
        SELECT
            $1::text AS tenant, $2::date AS period, $3::timestamptz AS starts, $4::timestamptz AS ends,
            least($4::timestamptz, $11::timestamptz) AS at,
            'infinity'::timestamptz AS known,
            $11::timestamptz AS now,
            $12::text AS currency,
            $8::jsonb AS definition,
            $13::jsonb AS plan
    )
    SELECT segment, part, numerator, denominator, amounts, value, note, events, reason FROM (
{told}
    ) AS told
),
now_parts AS (
    SELECT segment, part, numerator, denominator, amounts, value, note, events FROM now_told
    WHERE reason IS NULL AND (numerator IS NOT NULL OR denominator IS NOT NULL OR amounts <> '{}') AND segment = ANY ($17::text[])
),
changed AS MATERIALIZED (
    SELECT
        coalesce(now_parts.segment, then_told.segment) AS segment,
        coalesce(now_parts.part, then_told.part) AS part,
        CASE WHEN then_told.part IS NOT NULL THEN jsonb_strip_nulls(
            jsonb_build_object('numerator', then_told.numerator, 'denominator', then_told.denominator) || coalesce(then_told.amounts, '{}')
        ) END AS then_amounts,
        CASE WHEN now_parts.part IS NOT NULL THEN jsonb_strip_nulls(
            jsonb_build_object('numerator', now_parts.numerator, 'denominator', now_parts.denominator) || coalesce(now_parts.amounts, '{}')
        ) END AS now_amounts,
        then_told.value AS then_value,
        now_parts.value AS now_value,
        note,
        events
    FROM then_told FULL JOIN now_parts ON now_parts.segment = then_told.segment AND now_parts.part = then_told.part
    WHERE then_told.part IS NULL OR now_parts.part IS NULL
       OR (then_told.numerator, then_told.denominator, then_told.amounts, then_told.value)
           IS DISTINCT FROM (now_parts.numerator, now_parts.denominator, now_parts.amounts, now_parts.value)
),
-- Why what counted then does not now.
left_out AS (
    SELECT changed.segment, changed.part, min(reason) AS reason, string_agg(now_told.events, ' ') AS events
    FROM changed
    JOIN now_told ON now_told.part = changed.part AND reason IS NOT NULL AND coalesce(now_told.segment, changed.segment) = changed.segment
    GROUP BY changed.segment, changed.part
),
-- Of interactions that were known then.
voids AS MATERIALIZED (
    {voids}
),
named AS (
    SELECT segment, part, event FROM changed CROSS JOIN unnest(string_to_array(events, ' ')) AS event
    UNION
    SELECT segment, part, event FROM left_out CROSS JOIN unnest(string_to_array(events, ' ')) AS event
{gone}
),
of_its_own AS MATERIALIZED (
    SELECT segment, part, event
    FROM named
    JOIN unnest($14::integer[], $15::bigint[]) AS since (partition, position)
        ON since.partition = split_part(event, '-', 1)::integer AND split_part(event, '-', 2)::bigint >= since.position
    WHERE event <> ''
),
-- What has none of its own changed by another plan, or as the others did: it came second, or there was nothing to hold it against.
of_others AS MATERIALIZED (
    SELECT segment, event FROM of_its_own
    UNION
    SELECT segment, partition || '-' || position
    FROM (SELECT DISTINCT segment FROM changed) AS segments, {read}.plan_facts
    WHERE tenant = $1 AND recorded_at >= $5 AND $9::jsonb <> $13::jsonb
),
-- Or else by some of all that came: the first fact of its kind, an incident that was another deployment's, the last of a band.
of_all AS (
    SELECT segment, event
    FROM (SELECT DISTINCT segment FROM changed WHERE segment NOT IN (SELECT segment FROM of_others)) AS segments
    CROSS JOIN ({facts}) AS facts
),
-- The same for all of a segment that have none of their own. Where the period was not over, time alone changes parts.
shared AS MATERIALIZED (
    SELECT segment, event
    FROM (SELECT segment, event FROM of_others UNION SELECT segment, event FROM of_all) AS of_segment
    WHERE $4::timestamptz <= $5::timestamptz
      AND segment IN (
          SELECT segment FROM changed
          WHERE NOT EXISTS (SELECT FROM of_its_own WHERE of_its_own.segment = changed.segment AND of_its_own.part = changed.part)
      )
),
late AS MATERIALIZED (
    SELECT segment, event FROM of_its_own
    UNION
    SELECT segment, event FROM shared
)
