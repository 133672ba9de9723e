SELECT person FROM ledger.people_between($1, $2, $3, $4) AS person WHERE person IS NOT NULL
