INSERT INTO daily_counts AS kept (tenant, partition, occurred_day, recorded_day, kind, actor, count)
SELECT * FROM unnest($1::text[], $2::integer[], $3::date[], $4::date[], $5::text[], $6::text[], $7::bigint[])
ON CONFLICT ON CONSTRAINT daily_counts_pkey DO UPDATE SET count = kept.count + excluded.count
