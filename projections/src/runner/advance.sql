WITH passed AS (
    DELETE FROM projections.projection_faults AS fault
    USING unnest($2::integer[], $4::bigint[]) AS moved (partition, next_position)
    WHERE fault.generation = $1 AND fault.partition = moved.partition AND fault.position < moved.next_position
)
UPDATE projections.progress AS progress
SET next_position = moved.next_position,
    kafka_offset_hint = moved.kafka_offset_hint,
    last_recorded_at = moved.last_recorded_at,
    updated_at = clock_timestamp()
FROM unnest($2::integer[], $3::bigint[], $4::bigint[], $5::bigint[], $6::timestamptz[])
    AS moved (partition, expected, next_position, kafka_offset_hint, last_recorded_at)
WHERE progress.generation = $1
  AND progress.projection = 'read_models'
  AND progress.partition = moved.partition
  AND progress.next_position = moved.expected
