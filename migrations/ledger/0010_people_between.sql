-- Of whom anything was recorded, in one way. What follows on a stream, such as the scoring of a lead, is of whom the stream names, and
-- names nobody again.

CREATE FUNCTION ledger.people_between(of_tenant text, partitions integer[], firsts bigint[], ends bigint[]) RETURNS SETOF text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH recorded AS NOT MATERIALIZED (
        SELECT events.aggregate_type, events.aggregate_id, events.sequence, events.payload
        FROM unnest(partitions, firsts, ends) AS stretch (partition, first, beyond)
        JOIN ledger.events
            ON events.partition = stretch.partition AND events.position >= stretch.first AND events.position < stretch.beyond
        WHERE events.tenant = of_tenant
    )
    SELECT ledger.person_in(recorded.payload) FROM recorded WHERE recorded.sequence = 1
    UNION
    SELECT ledger.person_in(events.payload)
    FROM (SELECT DISTINCT recorded.aggregate_type, recorded.aggregate_id FROM recorded WHERE recorded.sequence > 1) AS continued
    JOIN ledger.events USING (aggregate_type, aggregate_id);
END;
COMMENT ON FUNCTION ledger.people_between IS 'The pseudonyms of whom events stand between positions of partitions: the first, and the one after the last. May hold one null.';
