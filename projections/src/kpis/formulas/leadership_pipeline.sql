WITH employments AS ({employments}),
ranks AS (
    SELECT level, rank
    FROM unnest(ARRAY['individual_contributor', 'team_lead', 'manager', 'director', 'vp', 'executive']) WITH ORDINALITY AS ranks (level, rank)
),
-- Of two roles from the same time, the one said later counts: the other was never held.
roles AS (
    SELECT DISTINCT ON (employment_id, occurred_at) employment_id, occurred_at, rank /*: , {event} AS event */
    FROM {read}.employment_facts JOIN ranks USING (level)
    WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at < p.at
    ORDER BY employment_id, occurred_at, sequence DESC
),
steps AS (
    SELECT employment_id, occurred_at, rank, lag(rank) OVER (PARTITION BY employment_id ORDER BY occurred_at) AS rank_before
        /*: , event, lag(event) OVER (PARTITION BY employment_id ORDER BY occurred_at) AS event_before */
    FROM roles
),
key_roles AS (
    SELECT DISTINCT ON (succession_id) succession_id, event_type, successor /*: , {event} AS event */
    FROM {read}.succession_facts
    WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at < p.at
    ORDER BY succession_id, occurred_at DESC, sequence DESC
),
parts AS (
    SELECT segment, 'employment:' || employment_id AS part, is_counted::integer AS numerator, 1 AS denominator,
        NULL::integer AS promotions, NULL::integer AS key_roles, NULL::integer AS covered
        /*: , employed.level AS note, NULL::jsonb AS amounts, events */
    FROM (SELECT employments.* FROM employments JOIN ranks USING (level) WHERE departed_at IS NULL) AS employed
    -- A level that nobody is at is a gap in the pipeline, and is there as 0.
    CROSS JOIN LATERAL (
        SELECT 'all', employed.level <> 'individual_contributor'
        UNION ALL
        SELECT 'level:' || ranks.level, employed.level = ranks.level FROM ranks
    ) AS split (segment, is_counted)
    UNION ALL
    SELECT 'all', 'promotion:' || employment_id || ' ' || to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'),
        NULL, NULL, 1, NULL, NULL
        /*: , NULL, jsonb_build_object('promotions', 1), concat_ws(' ', event, event_before) */
    FROM steps JOIN employments USING (employment_id)
    WHERE rank > rank_before AND occurred_at >= p.starts AND (departed_at IS NULL OR occurred_at < departed_at)
    UNION ALL
    -- Who has departed succeeds nobody.
    SELECT 'all', 'succession:' || succession_id, NULL, NULL, NULL, 1, (event_type = 'SuccessorNamed' AND departed_at IS NULL)::integer
        /*: , CASE WHEN event_type <> 'SuccessorNamed' THEN 'nobody is named' WHEN departed_at IS NOT NULL THEN 'the successor has departed' END,
        jsonb_build_object('key_roles', 1, 'key_roles_covered', (event_type = 'SuccessorNamed' AND departed_at IS NULL)::integer),
        concat_ws(' ', event, events) */
    FROM key_roles LEFT JOIN employments ON employment_id = successor
)
-- The figure
SELECT
    segment,
    coalesce(sum(numerator), 0) AS numerator,
    count(denominator) AS denominator,
    CASE WHEN segment = 'all' THEN count(denominator) ELSE coalesce(sum(numerator), 0) END AS n,
    sum(numerator)::numeric / nullif(count(denominator), 0) AS value,
    CASE WHEN segment = 'all' THEN jsonb_build_object(
        'promotions', count(promotions),
        'key_roles', count(key_roles),
        'key_roles_covered', coalesce(sum(covered), 0),
        'succession_cover', round(sum(covered)::numeric / nullif(count(key_roles), 0), 6)
    ) ELSE '{}' END AS parts
FROM parts
GROUP BY segment
-- Left out
SELECT 'employment:' || employment_id AS part, 'departed' AS reason, events FROM employments WHERE departed_at >= p.starts
