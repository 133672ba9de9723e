WITH employments AS ({employments}),
ranks AS (
    SELECT level, rank
    FROM unnest(ARRAY['individual_contributor', 'team_lead', 'manager', 'director', 'vp', 'executive']) WITH ORDINALITY AS ranks (level, rank)
),
levels AS (
    SELECT level, rank, count(employment_id) AS people, sum(count(employment_id)) OVER () AS everybody
    FROM ranks LEFT JOIN (SELECT employment_id, level FROM employments WHERE departed_at IS NULL) AS employed USING (level)
    GROUP BY level, rank
),
-- Of two roles from the same time, the one said later counts: the other was never held.
roles AS (
    SELECT DISTINCT ON (employment_id, occurred_at) employment_id, occurred_at, rank
    FROM {read}.employment_facts JOIN ranks USING (level)
    WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at < p.at
    ORDER BY employment_id, occurred_at, sequence DESC
),
steps AS (
    SELECT employment_id, occurred_at, rank, lag(rank) OVER (PARTITION BY employment_id ORDER BY occurred_at) AS rank_before FROM roles
),
promoted AS (
    SELECT count(*) AS promotions FROM steps JOIN employments USING (employment_id)
    WHERE rank > rank_before AND occurred_at >= p.starts AND (departed_at IS NULL OR occurred_at < departed_at)
),
key_roles AS (
    SELECT DISTINCT ON (succession_id) event_type, successor
    FROM {read}.succession_facts
    WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at < p.at
    ORDER BY succession_id, occurred_at DESC, sequence DESC
),
succession AS (
    -- Who has departed succeeds nobody.
    SELECT count(*) AS key_roles, count(*) FILTER (WHERE event_type = 'SuccessorNamed' AND departed_at IS NULL) AS covered
    FROM key_roles LEFT JOIN employments ON employment_id = successor
)
SELECT
    'all' AS segment,
    sum(people) FILTER (WHERE level <> 'individual_contributor') AS numerator,
    sum(people) AS denominator,
    sum(people) AS n,
    sum(people) FILTER (WHERE level <> 'individual_contributor') / nullif(sum(people), 0) AS value,
    jsonb_build_object(
        'promotions', promotions,
        'key_roles', key_roles,
        'key_roles_covered', covered,
        'succession_cover', round(covered::numeric / nullif(key_roles, 0), 6)
    ) AS parts
FROM levels, promoted, succession
GROUP BY promotions, key_roles, covered
HAVING sum(people) > 0 OR promotions > 0 OR key_roles > 0
UNION ALL
-- A level that nobody is at is a gap in the pipeline, and is there as 0.
SELECT 'level:' || level, people, everybody, people, people / everybody, '{}'::jsonb
FROM levels
WHERE everybody > 0
