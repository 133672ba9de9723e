-- Of the leads captured from $4 to before $5, how many came how far by $3, by what was recorded before $2.
WITH leads AS (
    SELECT
        lead_id,
        bool_or(qualification IN ('mql', 'sql')) AS is_mql,
        bool_or(qualification = 'sql') AS is_sql,
        min(occurred_at) FILTER (WHERE event_type = 'LeadCaptured') AS captured_at
    FROM read.lead_facts
    WHERE tenant = $1 AND ($2::timestamptz IS NULL OR recorded_at < $2) AND occurred_at < $3
    GROUP BY lead_id
),
deals AS (
    SELECT lead_id, bool_or(is_won) AS is_won FROM (
        SELECT deal_id, max(lead_id) AS lead_id, bool_or(event_type = 'DealWon') AS is_won
        FROM read.deal_facts
        WHERE tenant = $1 AND ($2::timestamptz IS NULL OR recorded_at < $2) AND occurred_at < $3
        GROUP BY deal_id
    ) AS told
    WHERE lead_id IS NOT NULL
    GROUP BY lead_id
)
SELECT
    count(*) AS captured,
    count(*) FILTER (WHERE is_mql) AS mql,
    count(*) FILTER (WHERE is_sql) AS sql,
    count(deals.lead_id) AS deal,
    count(*) FILTER (WHERE is_won) AS won
FROM leads LEFT JOIN deals USING (lead_id)
WHERE captured_at >= $4 AND captured_at < $5
