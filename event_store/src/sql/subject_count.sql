SELECT count(*)
FROM ledger.events
WHERE tenant = $1 AND strpos(payload::text, $2) > 0 AND ledger.person_in(payload) = $2
