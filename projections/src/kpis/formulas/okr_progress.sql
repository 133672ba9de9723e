WITH objectives AS (
    SELECT objective_id, title, coalesce(function, 'company') AS function, key_results /*: , {event} AS event */
    FROM {read}.objective_facts
    WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at < p.at AND event_type = 'ObjectiveSet'
      -- The quarter that holds the last moment looked at.
      AND quarter = date_trunc('quarter', (p.at - interval '1 microsecond') AT TIME ZONE 'UTC')::date
),
measured AS (
    SELECT DISTINCT ON (objective_id, key_result) objective_id, key_result, value /*: , {event} AS event */
    FROM {read}.objective_facts
    WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at < p.at AND event_type = 'KeyResultMeasured'
    ORDER BY objective_id, key_result, occurred_at DESC, sequence DESC
),
-- A list's quantities are texts.
key_results AS (
    SELECT
        objectives.objective_id, title, function, weight, value IS NULL AS is_unmeasured,
        least(greatest(coalesce((value - start) / (target - start), 0), 0), 1) AS progress
        /*: , concat_ws(' ', objectives.event, measured.event) AS events */
    FROM objectives
    CROSS JOIN LATERAL jsonb_to_recordset(key_results) AS given (id text, start numeric, target numeric, weight numeric)
    LEFT JOIN measured ON measured.objective_id = objectives.objective_id AND measured.key_result = given.id
),
progress AS (
    SELECT
        objective_id, title, function, count(*) AS key_results, count(*) FILTER (WHERE is_unmeasured) AS unmeasured,
        sum(weight * progress) / sum(weight) AS progress
        /*: , string_agg(events, ' ') AS events */
    FROM key_results
    GROUP BY objective_id, title, function
),
parts AS (
    SELECT segment, 'objective:' || objective_id AS part, progress AS numerator, 1 AS denominator, key_results, unmeasured, title
        /*: , title AS note, jsonb_build_object('unmeasured', unmeasured) AS amounts, events */
    FROM progress CROSS JOIN LATERAL (VALUES ('all'), ('function:' || function), ('objective:' || objective_id)) AS split (segment)
)
-- The figure
SELECT
    segment,
    sum(numerator) AS numerator,
    sum(denominator) AS denominator,
    sum(key_results) AS n,
    avg(numerator) AS value,
    jsonb_build_object('unmeasured', sum(unmeasured))
        || CASE WHEN segment LIKE 'objective:%' THEN jsonb_build_object('title', min(title)) ELSE '{}' END AS parts
FROM parts
GROUP BY segment
