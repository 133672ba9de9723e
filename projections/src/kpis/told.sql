{parts}
SELECT
    told ->> 'segment' AS segment,
    told ->> 'part' AS part,
    jsonb_strip_nulls(
        jsonb_build_object('numerator', told -> 'numerator', 'denominator', told -> 'denominator')
        || coalesce(nullif(told -> 'amounts', 'null'), '{}')
    ) AS amounts,
    (told ->> 'value')::numeric AS value,
    told ->> 'note' AS note,
    told ->> 'events' AS events,
    NULL AS reason
FROM (SELECT to_jsonb(parts) AS told FROM parts) AS parts
UNION ALL
SELECT told ->> 'segment', told ->> 'part', NULL, NULL, NULL, told ->> 'events', told ->> 'reason'
FROM (
    SELECT to_jsonb(left_out) AS told FROM (
{left_out}
    ) AS left_out
) AS left_out
