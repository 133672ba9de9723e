-- What is known of people moves into a schema of its own, so that backups of the events leave it out, and a person can be erased:
-- with the one row that holds their pseudonym and key, everything that led from them to their events is gone.

CREATE SCHEMA vault;
COMMENT ON SCHEMA vault IS 'Who is meant by which pseudonym, and the keys to what is personal. Backed up apart from the events, and not for long.';

CREATE TABLE vault.tenants (
    tenant               text        COLLATE "C" NOT NULL,
    key                  bytea       NOT NULL,
    epoch                bigint      NOT NULL DEFAULT 0,
    retention_applied_at timestamptz,
    CONSTRAINT tenants_pkey PRIMARY KEY (tenant),
    CONSTRAINT tenants_tenant_fkey FOREIGN KEY (tenant) REFERENCES ledger.tenants (tenant),
    CONSTRAINT tenants_key CHECK (length(key) = 32)
);
COMMENT ON TABLE vault.tenants IS 'What finds a tenant''s people, and how often somebody of them was erased.';
COMMENT ON COLUMN vault.tenants.tenant IS 'As in ledger.tenants.';
COMMENT ON COLUMN vault.tenants.key IS 'The key of the tenant''s HMAC over user ids. Without it no user id can be matched with a pseudonym.';
COMMENT ON COLUMN vault.tenants.epoch IS 'Rises with each erasure. An append says which epoch its decisions rest on, and is refused if it has passed.';
COMMENT ON COLUMN vault.tenants.retention_applied_at IS 'When the tenant''s retention rules were applied last; null: never.';

INSERT INTO vault.tenants (tenant, key) SELECT tenant, vault_key FROM ledger.tenants;
ALTER TABLE ledger.tenants DROP COLUMN vault_key;
-- Writes the table anew, without what the column held.
CLUSTER ledger.tenants USING tenants_pkey;

ALTER TABLE ledger.pseudonyms SET SCHEMA vault;
-- Each person's key is made with their row. Those who are there already get theirs here, from PostgreSQL's strong random bytes.
ALTER TABLE vault.pseudonyms ADD COLUMN key bytea;
UPDATE vault.pseudonyms SET key = sha512(
    uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
    || uuid_send(gen_random_uuid()));
ALTER TABLE vault.pseudonyms
    ALTER COLUMN key SET NOT NULL,
    ADD CONSTRAINT pseudonyms_key CHECK (length(key) = 64);
COMMENT ON TABLE vault.pseudonyms IS 'What the ledger knows a user by, and the key to what is personal of them: one row, gone when they are erased.';
COMMENT ON COLUMN vault.pseudonyms.key IS 'Random, of AES-256-SIV: seals what is personal of this user.';

-- As in 0002, and it refuses what was decided on people as they were before somebody was erased. The function of before is gone, as
-- it could not know: a program of an older build cannot append to this ledger any more.
DROP FUNCTION ledger.append;

CREATE FUNCTION ledger.append(
    leave_out             boolean,
    partitions            integer[],      -- those of the batch: ascending, each once
    partition_event_count bigint[],       -- how many of the given events each has
    check_aggregate_type  text[],
    check_aggregate_id    text[],
    check_expected        bigint[],
    commit_own_check      integer[],      -- the commit's own stream
    commit_guard_check    integer[],      -- the stream its decision relied on
    commit_key            integer[],
    key_commit            integer[],
    key_tenant            text[],
    key_text              text[],
    key_request_hash      bytea[],
    key_aggregate_type    text[],
    key_aggregate_id      text[],
    key_last_sequence     bigint[],
    key_event_types       text[],         -- joined by commas
    vault_tenant          text[],         -- whose people the decisions knew
    vault_epoch           bigint[],       -- and as of which epoch of theirs
    commit_vault          integer[],
    event_commit          integer[],
    event_slot            integer[],      -- index into partitions
    event_offset          bigint[],       -- place among the given events of its partition, from 0
    event_aggregate_type  text[],
    event_aggregate_id    text[],
    event_sequence        bigint[],       -- counted from the stream's version where the commit expects any
    event_type            text[],
    event_version         text[],
    event_payload         json[],
    event_metadata        json[],
    event_tenant          text[],
    event_partition_key   text[],
    event_occurred_at     timestamptz[],
    OUT is_appended       boolean,
    OUT appended_at       timestamptz,
    OUT first_positions   bigint[],       -- of each of partitions
    OUT appended_counts   bigint[],       -- of each of partitions
    OUT check_versions    bigint[],
    OUT keys_taken        boolean[],
    OUT vaults_hold       boolean[]
) LANGUAGE plpgsql SET work_mem = '64MB' AS $function$
DECLARE
    latest       timestamptz;
    checks_hold  boolean[];
    all_hold     boolean := true;
    any_taken    boolean := false;
    all_known    boolean := true;
    commits_hold boolean[];
    commit_base  bigint[];
    inserted     bigint;
BEGIN
    SELECT array_agg(locked.next_position ORDER BY locked.partition), max(locked.last_recorded_at)
    INTO first_positions, latest
    FROM (
        SELECT heads.partition, heads.next_position, heads.last_recorded_at
        FROM ledger.partition_heads AS heads
        WHERE heads.partition = ANY (partitions)
        ORDER BY heads.partition
        FOR UPDATE
    ) AS locked;
    IF cardinality(first_positions) IS DISTINCT FROM cardinality(partitions) THEN
        RAISE EXCEPTION 'the ledger lacks one of the partitions %', partitions;
    END IF;

    check_versions := '{}';
    IF cardinality(check_expected) > 0 THEN
        SELECT array_agg(compared.actual ORDER BY compared.ordinal),
               array_agg(compared.expected IN (-1, compared.actual) ORDER BY compared.ordinal),
               bool_and(compared.expected IN (-1, compared.actual))
        INTO check_versions, checks_hold, all_hold
        FROM (
            SELECT given.ordinal, given.expected, coalesce((
                SELECT events.sequence
                FROM ledger.events AS events
                WHERE events.aggregate_type = given.aggregate_type AND events.aggregate_id = given.aggregate_id
                ORDER BY events.sequence DESC
                LIMIT 1
            ), 0) AS actual
            FROM unnest(check_aggregate_type, check_aggregate_id, check_expected) WITH ORDINALITY
                AS given (aggregate_type, aggregate_id, expected, ordinal)
        ) AS compared;
    END IF;

    keys_taken := '{}';
    IF cardinality(key_commit) > 0 THEN
        SELECT array_agg(known.is_taken ORDER BY known.ordinal), bool_or(known.is_taken)
        INTO keys_taken, any_taken
        FROM (
            SELECT given.ordinal, EXISTS (
                SELECT FROM ledger.idempotency_keys AS stored WHERE stored.tenant = given.tenant AND stored.key = given.key
            ) AS is_taken
            FROM unnest(key_tenant, key_text) WITH ORDINALITY AS given (tenant, key, ordinal)
        ) AS known;
    END IF;

    -- Whoever erases somebody holds all heads, so an epoch that holds here holds until this commits.
    vaults_hold := '{}';
    IF cardinality(vault_tenant) > 0 THEN
        SELECT array_agg(compared.holds ORDER BY compared.ordinal), bool_and(compared.holds)
        INTO vaults_hold, all_known
        FROM (
            SELECT given.ordinal, coalesce(given.epoch = stored.epoch, false) AS holds
            FROM unnest(vault_tenant, vault_epoch) WITH ORDINALITY AS given (tenant, epoch, ordinal)
            LEFT JOIN vault.tenants AS stored ON stored.tenant = given.tenant
        ) AS compared;
    END IF;

    is_appended := leave_out OR (all_hold AND NOT any_taken AND all_known);
    appended_counts := partition_event_count;
    IF NOT is_appended THEN
        RETURN;
    END IF;

    appended_at := greatest(clock_timestamp(), latest);
    IF leave_out THEN
        SELECT array_agg(coalesce(checks_hold[given.own_check], true)
                         AND coalesce(checks_hold[given.guard_check], true)
                         AND NOT coalesce(keys_taken[given.key], false)
                         AND coalesce(vaults_hold[given.vault], true) ORDER BY given.ordinal),
               array_agg(CASE WHEN check_expected[given.own_check] = -1 THEN check_versions[given.own_check] ELSE 0 END
                         ORDER BY given.ordinal)
        INTO commits_hold, commit_base
        FROM unnest(commit_own_check, commit_guard_check, commit_key, commit_vault) WITH ORDINALITY
            AS given (own_check, guard_check, key, vault, ordinal);

        SELECT array_agg(counted.events ORDER BY counted.slot)
        INTO appended_counts
        FROM (
            SELECT slots.slot, count(given.slot) FILTER (WHERE commits_hold[given.commit]) AS events
            FROM generate_subscripts(partitions, 1) AS slots (slot)
            LEFT JOIN unnest(event_slot, event_commit) AS given (slot, commit) ON given.slot = slots.slot
            GROUP BY slots.slot
        ) AS counted;

        INSERT INTO ledger.events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata, tenant,
                                   partition, position, partition_key, occurred_at, recorded_at)
        SELECT given.aggregate_type, given.aggregate_id, given.sequence + commit_base[given.commit], given.type,
               given.version, given.payload, given.metadata, given.tenant, partitions[given.slot],
               first_positions[given.slot] + row_number() OVER (PARTITION BY given.slot ORDER BY given.place) - 1,
               given.partition_key, given.occurred_at, appended_at
        FROM unnest(event_commit, event_slot, event_offset, event_aggregate_type, event_aggregate_id, event_sequence,
                    event_type, event_version, event_payload, event_metadata, event_tenant, event_partition_key,
                    event_occurred_at)
            AS given (commit, slot, place, aggregate_type, aggregate_id, sequence, type, version, payload, metadata, tenant,
                      partition_key, occurred_at)
        WHERE commits_hold[given.commit];
        GET DIAGNOSTICS inserted = ROW_COUNT;
    ELSE
        -- The fast way: nothing to leave out, so the places given are the places taken.
        INSERT INTO ledger.events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata, tenant,
                                   partition, position, partition_key, occurred_at, recorded_at)
        SELECT given.aggregate_type, given.aggregate_id, given.sequence, given.type, given.version, given.payload,
               given.metadata, given.tenant, partitions[given.slot], first_positions[given.slot] + given.place,
               given.partition_key, given.occurred_at, appended_at
        FROM unnest(event_slot, event_offset, event_aggregate_type, event_aggregate_id, event_sequence, event_type,
                    event_version, event_payload, event_metadata, event_tenant, event_partition_key, event_occurred_at)
            AS given (slot, place, aggregate_type, aggregate_id, sequence, type, version, payload, metadata, tenant,
                      partition_key, occurred_at);
        GET DIAGNOSTICS inserted = ROW_COUNT;
    END IF;
    IF inserted <> (SELECT sum(counts.events) FROM unnest(appended_counts) AS counts (events)) THEN
        RAISE EXCEPTION 'inserted % events, counted %', inserted, appended_counts;
    END IF;

    IF cardinality(key_commit) > 0 THEN
        INSERT INTO ledger.idempotency_keys (tenant, key, request_hash, version, partition, next_position, event_types)
        SELECT given.tenant, given.key, given.request_hash, events.sequence, events.partition, events.position + 1,
               string_to_array(given.event_types, ',')
        FROM unnest(key_commit, key_tenant, key_text, key_request_hash, key_aggregate_type, key_aggregate_id,
                    key_last_sequence, key_event_types)
            AS given (commit, tenant, key, request_hash, aggregate_type, aggregate_id, last_sequence, event_types)
        JOIN ledger.events AS events
            ON events.aggregate_type = given.aggregate_type
            AND events.aggregate_id = given.aggregate_id
            AND events.sequence = given.last_sequence + coalesce(commit_base[given.commit], 0)
        WHERE coalesce(commits_hold[given.commit], true);
    END IF;

    UPDATE ledger.partition_heads AS heads
    SET next_position = heads.next_position + taken.events, last_recorded_at = appended_at
    FROM unnest(partitions, appended_counts) AS taken (partition, events)
    WHERE heads.partition = taken.partition AND taken.events > 0;
END
$function$;
COMMENT ON FUNCTION ledger.append IS 'Appends many commits at once under the locks of their partitions'' heads.';
