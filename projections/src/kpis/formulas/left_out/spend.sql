-- Money spent in another currency than the plan's.
SELECT 'spend:' || spend_id AS part, 'in another currency' AS reason, {event} AS events
FROM {read}.spend_facts
WHERE tenant = p.tenant AND recorded_at < p.known AND amount_currency <> p.currency
