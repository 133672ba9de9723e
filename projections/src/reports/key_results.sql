-- Each key result of the objectives of the quarter that holds $3, as it stood then, by what was recorded before $2.
WITH objectives AS (
    SELECT objective_id, title AS objective, coalesce(function, 'company') AS function, key_results
    FROM read.objective_facts
    WHERE tenant = $1 AND ($2::timestamptz IS NULL OR recorded_at < $2) AND occurred_at < $3 AND event_type = 'ObjectiveSet'
      AND quarter = date_trunc('quarter', ($3 - interval '1 microsecond') AT TIME ZONE 'UTC')::date
),
measured AS (
    SELECT DISTINCT ON (objective_id, key_result) objective_id, key_result, value, occurred_at, partition || '-' || position AS event
    FROM read.objective_facts
    WHERE tenant = $1 AND ($2::timestamptz IS NULL OR recorded_at < $2) AND occurred_at < $3 AND event_type = 'KeyResultMeasured'
    ORDER BY objective_id, key_result, occurred_at DESC, sequence DESC
)
SELECT
    objectives.objective_id, objective, function, given.id, given.title, given.unit, start, target, weight,
    value, occurred_at AS measured_at, event,
    -- As the figure counts it.
    least(greatest(coalesce((value - start) / (target - start), 0), 0), 1) AS progress
FROM objectives
-- A list's quantities are texts.
CROSS JOIN LATERAL ROWS FROM (
    jsonb_to_recordset(key_results) AS (id text, title text, unit jsonb, start numeric, target numeric, weight numeric)
) WITH ORDINALITY AS given (id, title, unit, start, target, weight, place)
LEFT JOIN measured ON measured.objective_id = objectives.objective_id AND measured.key_result = given.id
ORDER BY function <> 'company', function, objective, objective_id, place
