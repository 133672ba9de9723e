WITH won AS (
    SELECT won.annual_value, captured.lead_id IS NOT NULL AS is_sourced
    FROM {read}.deal_facts AS won
    JOIN {read}.deal_facts AS opened
        ON opened.tenant = p.tenant AND opened.deal_id = won.deal_id AND opened.recorded_at < p.known
        AND opened.event_type = 'DealOpened'
    -- Whose work the first touch was; later ones only influenced the deal.
    LEFT JOIN {read}.lead_facts AS captured
        ON captured.tenant = p.tenant AND captured.lead_id = opened.lead_id AND captured.recorded_at < p.known
        AND captured.event_type = 'LeadCaptured' AND captured.source = 'marketing'
    WHERE won.tenant = p.tenant AND won.recorded_at < p.known AND won.occurred_at >= p.starts AND won.occurred_at < p.at
      AND won.event_type = 'DealWon' AND won.annual_value_currency = p.currency
),
summed AS (
    SELECT coalesce(sum(annual_value) FILTER (WHERE is_sourced), 0) AS sourced, sum(annual_value) AS whole, count(*) AS n FROM won
)
SELECT
    'all' AS segment,
    sourced AS numerator,
    whole AS denominator,
    n,
    sourced AS value,
    jsonb_build_object('share', round(sourced / nullif(whole, 0), 6)) AS parts
FROM summed
WHERE n > 0
