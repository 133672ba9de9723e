WITH parts AS (
    SELECT
        'all' AS segment,
        'deal:' || won.deal_id AS part,
        CASE WHEN captured.lead_id IS NULL THEN 0 ELSE won.annual_value END AS numerator,
        won.annual_value AS denominator
        /*: , CASE WHEN captured.lead_id IS NULL THEN 'not captured by marketing' ELSE 'captured by marketing' END AS note,
        concat_ws(' ', won.partition || '-' || won.position, opened.partition || '-' || opened.position,
            captured.partition || '-' || captured.position) AS events */
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
)
-- The figure
SELECT
    segment,
    sum(numerator) AS numerator,
    sum(denominator) AS denominator,
    count(*) AS n,
    sum(numerator) AS value,
    jsonb_build_object('share', round(sum(numerator) / nullif(sum(denominator), 0), 6)) AS parts
FROM parts
GROUP BY segment
-- Left out
SELECT 'deal:' || deal_id AS part, 'in another currency' AS reason, {event} AS events
FROM {read}.deal_facts
WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at >= p.starts AND occurred_at < p.at
  AND event_type = 'DealWon' AND annual_value_currency <> p.currency
