-- What winning customers cost in the three months up to p.at, a row each spend with the month it is of; and who paid for the
-- first time ever in them, a row each account: no trial, no free user, nobody who comes back, who adds a subscription, or who
-- only pays in another currency than before.
SELECT opens, 'spend:' || spend_id AS part, amount AS spend, NULL::integer AS new_accounts /*: , {event} AS events */
FROM ({trailing_months}) AS months
JOIN {read}.spend_facts ON occurred_at >= opens AND occurred_at < closes
WHERE tenant = p.tenant AND recorded_at < p.known AND is_acquisition AND amount_currency = p.currency
  -- No three months are longer.
  AND occurred_at >= p.at - interval '2256 hours' AND occurred_at < p.at
UNION ALL
SELECT opens, 'new_account:' || account_id, NULL, 1 /*: , events */
FROM ({trailing_months}) AS months
JOIN (
    SELECT DISTINCT ON (account_id) account_id, currency, begins /*: , events */
    FROM ({terms_of_any_currency}) AS terms
    WHERE pays
    ORDER BY account_id, begins, currency = p.currency DESC
) AS first_paid ON begins >= opens AND begins < closes AND currency = p.currency
