SELECT EXISTS (
    SELECT
    FROM unnest($3::integer[], $4::bigint[]) AS head (partition, position)
    JOIN ledger.events ON events.partition = head.partition AND events.position >= head.position
    WHERE tenant = $1 AND strpos(payload::text, $2) > 0 AND ledger.person_in(payload) = $2
)
