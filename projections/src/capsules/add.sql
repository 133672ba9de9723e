INSERT INTO capsules AS kept (
    tenant, capsule_id, title, state, created_at, published_at, archived_at, version, interactions, active, partition,
    last_position
)
SELECT * FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[], $8::bigint[],
    $9::bigint[], $10::bigint[], $11::integer[], $12::bigint[]
)
ON CONFLICT ON CONSTRAINT capsules_pkey DO UPDATE SET
    title = coalesce(excluded.title, kept.title),
    state = coalesce(excluded.state, kept.state),
    created_at = coalesce(excluded.created_at, kept.created_at),
    published_at = coalesce(excluded.published_at, kept.published_at),
    archived_at = coalesce(excluded.archived_at, kept.archived_at),
    version = greatest(excluded.version, kept.version),
    interactions = kept.interactions + excluded.interactions,
    active = kept.active + excluded.active,
    last_position = excluded.last_position
