-- Open deals by stage as they stood at $3, by what was recorded before $2; worth in the currency $4.
WITH deals AS (
    SELECT
        deal_id,
        (array_agg(stage ORDER BY occurred_at DESC, sequence DESC) FILTER (WHERE stage IS NOT NULL))[1] AS stage,
        (array_agg(annual_value ORDER BY occurred_at DESC, sequence DESC)
            FILTER (WHERE annual_value IS NOT NULL AND annual_value_currency = $4))[1] AS annual_value,
        bool_or(event_type = 'DealOpened') AS is_opened,
        bool_or(event_type IN ('DealWon', 'DealLost')) AS is_closed
    FROM read.deal_facts
    WHERE tenant = $1 AND ($2::timestamptz IS NULL OR recorded_at < $2) AND occurred_at < $3
    GROUP BY deal_id
)
SELECT coalesce(stage, 'prospecting') AS stage, count(*) AS count, coalesce(sum(annual_value), 0) AS annual_value
FROM deals
WHERE is_opened AND NOT is_closed
GROUP BY 1
