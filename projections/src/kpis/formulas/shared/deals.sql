-- Each deal as it stood at p.at, by what was known then.
SELECT
    deal_id, opened_at, lead_id, team, expected_close, is_qualified, closed_at, is_won,
    CASE WHEN currency = p.currency THEN annual_value END AS annual_value
    /*: , currency, events */
FROM (
SELECT
    deal_id,
    min(occurred_at) FILTER (WHERE event_type = 'DealOpened') AS opened_at,
    max(lead_id) AS lead_id,
    coalesce(max(team), 'none') AS team,
    -- What was signed, else what was last expected; left out if it is in another currency, whatever it was before.
    (array_agg(annual_value ORDER BY (event_type = 'DealWon') DESC, occurred_at DESC, sequence DESC)
        FILTER (WHERE annual_value IS NOT NULL))[1] AS annual_value,
    (array_agg(annual_value_currency ORDER BY (event_type = 'DealWon') DESC, occurred_at DESC, sequence DESC)
        FILTER (WHERE annual_value IS NOT NULL))[1] AS currency,
    (array_agg(expected_close ORDER BY occurred_at DESC, sequence DESC) FILTER (WHERE expected_close IS NOT NULL))[1] AS expected_close,
    coalesce((array_agg(bant_budget AND bant_authority AND bant_need AND bant_timeline ORDER BY occurred_at DESC, sequence DESC)
        FILTER (WHERE event_type = 'DealQualified'))[1], false) AS is_qualified,
    min(occurred_at) FILTER (WHERE event_type IN ('DealWon', 'DealLost')) AS closed_at,
    bool_or(event_type = 'DealWon') AS is_won
    /*: , {events} AS events */
FROM {read}.deal_facts
WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at < p.at
GROUP BY deal_id
) AS known
