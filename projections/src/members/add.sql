WITH touched AS (
    INSERT INTO members AS kept (tenant, grain, period, kind, member, total, active)
    SELECT * FROM unnest($1::text[], $2::"char"[], $3::date[], $4::"char"[], $5::uuid[], $6::integer[], $7::integer[])
    ON CONFLICT ON CONSTRAINT members_pkey DO UPDATE
        SET total = kept.total + excluded.total, active = kept.active + excluded.active
    RETURNING
        new.tenant, new.grain, new.period, new.kind, new.total, new.active,
        -- Came: 1; went: -1; stayed as it was: 0.
        (new.total > 0)::integer - coalesce(old.total > 0, false)::integer AS came,
        (new.active > 0)::integer - coalesce(old.active > 0, false)::integer AS became_active
),
moved AS (
    SELECT
        period, grain, tenant,
        coalesce(sum(came) FILTER (WHERE kind = 'u'), 0) AS users,
        coalesce(sum(became_active) FILTER (WHERE kind = 'u'), 0) AS active_users,
        coalesce(sum(came) FILTER (WHERE kind = 'c'), 0) AS capsules,
        coalesce(sum(became_active) FILTER (WHERE kind = 'c'), 0) AS active_capsules,
        coalesce(sum(came) FILTER (WHERE kind = 's'), 0) AS sessions,
        coalesce(sum(became_active) FILTER (WHERE kind = 's'), 0) AS active_sessions
    FROM touched
    WHERE came <> 0 OR became_active <> 0
    GROUP BY period, grain, tenant
),
summed AS (
    INSERT INTO distincts AS kept (
        period, partition, grain, tenant, users, active_users, capsules, active_capsules, sessions, active_sessions
    )
    SELECT period, $8::integer, grain, tenant, users, active_users, capsules, active_capsules, sessions, active_sessions
    FROM moved
    ON CONFLICT ON CONSTRAINT distincts_pkey DO UPDATE SET
        users = kept.users + excluded.users,
        active_users = kept.active_users + excluded.active_users,
        capsules = kept.capsules + excluded.capsules,
        active_capsules = kept.active_capsules + excluded.active_capsules,
        sessions = kept.sessions + excluded.sessions,
        active_sessions = kept.active_sessions + excluded.active_sessions
)
SELECT min(least(total, active, total - active)) FROM touched
