INSERT INTO daily_totals AS kept (tenant, partition, occurred_day, kind, actor, count)
SELECT * FROM unnest($1::text[], $2::integer[], $3::date[], $4::text[], $5::text[], $6::bigint[])
ON CONFLICT ON CONSTRAINT daily_totals_pkey DO UPDATE SET count = kept.count + excluded.count
