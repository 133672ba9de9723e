SELECT count(*)
FROM ledger.events
WHERE tenant = $1 AND strpos(payload::text, $2) > 0
    AND (payload ->> 'user_id' = $2 OR payload -> 'voided' ->> 'user_id' = $2)
