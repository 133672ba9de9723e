WITH items AS (
    SELECT item ->> 'transition' AS transition, item ->> 'id' AS id, item ->> 'title' AS title, item ->> 'kpi' AS kpi,
        (item ->> 'at_least')::numeric AS at_least
    FROM jsonb_array_elements(p.plan -> 'gate_items') AS item
),
latest AS (
    SELECT DISTINCT ON (gate_item_id) gate_item_id AS id, event_type, evidence, partition, position,
        relied_on
    FROM {read}.gate_item_facts
    WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at < p.at
    ORDER BY gate_item_id, occurred_at DESC, sequence DESC
),
figures AS (
    SELECT kpi, times * sum(monthly) FILTER (WHERE ends >= p.at) AS value
        /*: , string_agg({events_and_end}, ' ') AS events */
    FROM ({terms}) AS terms CROSS JOIN (VALUES ('mrr', 1), ('arr', 12)) AS told (kpi, times)
    WHERE pays AND begins < p.at
    GROUP BY kpi, times
),
judged AS (
    SELECT transition, items.id, title,
        CASE WHEN at_least IS NOT NULL THEN coalesce(figures.value >= at_least, false)
            ELSE coalesce(event_type = 'GateItemMet', false) END AS is_met,
        jsonb_strip_nulls(jsonb_build_object(
            'id', items.id,
            'title', title,
            'by', CASE WHEN at_least IS NOT NULL THEN 'figure' ELSE 'evidence' END,
            'kpi', items.kpi,
            'at_least', at_least,
            'value', figures.value,
            'evidence', CASE WHEN event_type = 'GateItemMet' THEN evidence END,
            'event', CASE WHEN event_type = 'GateItemMet' THEN partition || '-' || position END,
            'relied_on', CASE WHEN event_type = 'GateItemMet' THEN relied_on END
        )) AS item
        /*: , CASE WHEN at_least IS NOT NULL THEN figures.events ELSE {event} END AS events */
    FROM items LEFT JOIN latest USING (id) LEFT JOIN figures USING (kpi)
),
next AS (
    SELECT CASE (p.plan -> 'stage' ->> 'number')::integer
        WHEN 1 THEN 'foundation_to_systematization'
        ELSE 'systematization_to_optimization'
    END AS transition
),
parts AS (
    SELECT segment, 'gate_item:' || id AS part, is_met::integer AS numerator, 1 AS denominator, judged.transition, id, is_met, item
        /*: , CASE WHEN is_met THEN 'met: ' ELSE 'not met: ' END || title AS note, events */
    FROM judged CROSS JOIN next
    CROSS JOIN LATERAL (
        VALUES ('transition:' || judged.transition), (CASE WHEN judged.transition = next.transition THEN 'all' END)
    ) AS split (segment)
    WHERE segment IS NOT NULL
      -- No data before a plan was adopted or anything said of an item.
      AND (
          EXISTS (SELECT FROM latest)
          OR EXISTS (SELECT FROM {read}.plan_facts WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at < p.at)
      )
)
-- The figure
SELECT
    segment,
    sum(numerator) AS numerator,
    sum(denominator) AS denominator,
    count(*) AS n,
    sum(numerator)::numeric / sum(denominator) AS value,
    jsonb_build_object('transition', min(transition), 'items', jsonb_agg(item || jsonb_build_object('is_met', is_met) ORDER BY id)) AS parts
FROM parts
GROUP BY segment
