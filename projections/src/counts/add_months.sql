INSERT INTO monthly_counts AS kept (tenant, partition, month, kind, actor, count)
SELECT * FROM unnest($1::text[], $2::integer[], $3::date[], $4::text[], $5::text[], $6::bigint[])
ON CONFLICT ON CONSTRAINT monthly_counts_pkey DO UPDATE SET count = kept.count + excluded.count
