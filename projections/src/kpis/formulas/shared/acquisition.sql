-- What winning customers cost in each of the three months up to p.at, and who paid for the first time ever in it: no trial,
-- no free user, nobody who comes back, who adds a subscription, or who only pays in another currency than before.
SELECT
    opens,
    (
        SELECT sum(amount) FROM {read}.spend_facts
        WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at >= opens AND occurred_at < closes
          AND is_acquisition AND amount_currency = p.currency
    ) AS spend,
    count(first_paid.account_id) AS new_accounts
FROM ({trailing_months}) AS months
LEFT JOIN (
    SELECT DISTINCT ON (account_id) account_id, currency, begins FROM ({terms_of_any_currency}) AS terms
    WHERE pays
    ORDER BY account_id, begins, currency = p.currency DESC
) AS first_paid ON begins >= opens AND begins < closes AND currency = p.currency
GROUP BY opens, closes
