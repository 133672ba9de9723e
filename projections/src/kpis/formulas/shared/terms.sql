-- What held of each subscription when, in the currency asked for. The state at a period's end is the one just before it:
-- begins < p.at AND ends >= p.at.
SELECT subscription_id, account_id, plan, monthly, is_trial, pays, begins, ends /*: , events, next_event */
FROM ({terms_of_any_currency}) AS terms_of_any_currency
WHERE currency = p.currency
