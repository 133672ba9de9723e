WITH accounts AS (
    SELECT account_id /*: , string_agg(events, ' ') AS events */ FROM ({terms}) AS terms
    WHERE NOT is_trial AND monthly > 0 AND begins < p.at AND ends >= p.at
    GROUP BY account_id
),
members AS (
    SELECT account_id, user_id /*: , {events} AS events */ FROM {read}.sign_up_facts
    WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at < p.at AND account_id IS NOT NULL
    GROUP BY account_id, user_id
),
usage AS (
    SELECT account_id,
        count(*) FILTER (WHERE active.occurred_at >= p.at - interval '672 hours')::numeric AS recent,
        count(*) FILTER (WHERE active.occurred_at < p.at - interval '672 hours')::numeric AS earlier
        /*: , string_agg(concat_ws(' ', members.events, active.events), ' ') AS events */
    FROM members
    JOIN ({active_interactions} AND occurred_at >= p.at - interval '1344 hours' AND occurred_at < p.at) AS active USING (user_id)
    GROUP BY account_id
),
tickets AS (
    SELECT account_id, count(*) FILTER (WHERE event_type = 'TicketOpened') AS open /*: , string_agg(events, ' ') AS events */
    FROM (
        SELECT DISTINCT ON (ticket_id) ticket_id, account_id, event_type /*: , {event} AS events */ FROM {read}.ticket_facts
        WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at < p.at
        ORDER BY ticket_id, occurred_at DESC, sequence DESC
    ) AS latest
    GROUP BY account_id
),
answers AS (
    SELECT DISTINCT ON (account_id) account_id, score /*: , events */ FROM (
        SELECT coalesce(answered.account_id, sent.account_id) AS account_id, answered.score, answered.occurred_at, answered.survey_id
            /*: , concat_ws(' ', answered.partition || '-' || answered.position, sent.partition || '-' || sent.position) AS events */
        FROM {read}.survey_facts AS answered
        LEFT JOIN {read}.survey_facts AS sent
            ON sent.tenant = p.tenant AND sent.survey_id = answered.survey_id AND sent.event_type = 'SurveySent' AND sent.recorded_at < p.known
        WHERE answered.tenant = p.tenant AND answered.recorded_at < p.known AND answered.event_type = 'SurveyAnswered'
          AND answered.kind = 'nps' AND answered.occurred_at >= p.at - interval '4320 hours' AND answered.occurred_at < p.at
    ) AS known
    WHERE account_id IS NOT NULL
    ORDER BY account_id, occurred_at DESC, survey_id DESC
),
payments AS (
    SELECT account_id, bool_or(event_type = 'PaymentFailed') AS is_owing /*: , string_agg(events, ' ') AS events */
    FROM (
        SELECT DISTINCT ON (payment_id) payment_id, account_id, event_type /*: , {event} AS events */ FROM {read}.payment_facts
        WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at < p.at
        ORDER BY payment_id, occurred_at DESC, sequence DESC
    ) AS latest
    GROUP BY account_id
),
components AS (
    SELECT account_id, component.name, component.score
        /*: , concat_ws(' ', accounts.events, usage.events, tickets.events, answers.events, payments.events) AS events */
    FROM accounts
    LEFT JOIN usage USING (account_id)
    LEFT JOIN tickets USING (account_id)
    LEFT JOIN answers USING (account_id)
    LEFT JOIN payments USING (account_id)
    CROSS JOIN LATERAL (
        VALUES
            -- As much as before is 50, twice as much 100, none 0.
            ('usage', CASE
                WHEN coalesce(recent, 0) = 0 THEN 0
                WHEN coalesce(earlier, 0) = 0 THEN 100
                ELSE least(50 * recent / earlier, 100)
            END),
            ('support', greatest(100 - 25 * coalesce(tickets.open, 0), 0)::numeric),
            ('nps', 10 * answers.score::numeric),
            ('payment', CASE WHEN is_owing THEN 0 ELSE 100 END::numeric)
    ) AS component (name, score)
),
scored AS (
    -- What is not known counts neither way: the other weights take its place.
    SELECT account_id, sum(weight::numeric * score) / sum(weight::numeric) AS score,
        jsonb_object_agg(name, round(score, 2)) AS components
        /*: , min(events) AS events */
    FROM components
    JOIN jsonb_each_text(p.definition -> 'weights') AS weights (name, weight) USING (name)
    WHERE score IS NOT NULL
    GROUP BY account_id
),
banded AS (
    SELECT *, CASE
        WHEN score < (p.definition ->> 'at_risk_below')::numeric THEN 'at_risk'
        WHEN score > (p.definition ->> 'healthy_above')::numeric THEN 'healthy'
        ELSE 'neutral'
    END AS band
    FROM scored
),
bands AS MATERIALIZED (SELECT DISTINCT band FROM banded),
-- Of a band every account is a part, in it or not: the band's share is of all.
parts AS (
    SELECT
        segment,
        'account:' || account_id AS part,
        CASE WHEN NOT starts_with(segment, 'band:') THEN score WHEN is_in THEN 1 ELSE 0 END AS numerator,
        1 AS denominator,
        CASE WHEN is_in THEN score END AS value,
        band,
        components
        /*: , band AS note, events */
    FROM banded
    CROSS JOIN LATERAL (
        SELECT 'all', true
        UNION ALL
        SELECT 'account:' || account_id, true
        UNION ALL
        SELECT 'band:' || bands.band, bands.band = banded.band FROM bands
    ) AS split (segment, is_in)
)
-- The figure
SELECT
    segment,
    sum(numerator) AS numerator,
    sum(denominator) AS denominator,
    count(value) AS n,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY value::float8)::numeric AS value,
    CASE
        WHEN starts_with(segment, 'account:') THEN jsonb_build_object('band', min(band), 'components', (array_agg(components))[1])
        WHEN segment = 'all' THEN jsonb_build_object(
            'at_risk', count(*) FILTER (WHERE band = 'at_risk'),
            'neutral', count(*) FILTER (WHERE band = 'neutral'),
            'healthy', count(*) FILTER (WHERE band = 'healthy')
        )
        ELSE jsonb_build_object('share', round(count(value)::numeric / count(*), 6))
    END AS parts
FROM parts
GROUP BY segment
-- Left out
SELECT segment, part, reason, events FROM ({left_out_subscriptions}) AS left_out WHERE segment = 'all'
UNION ALL
SELECT 'all', part, reason, events
FROM (
    {left_out_interactions}
    AND user_id IN (SELECT user_id FROM members) AND occurred_at >= p.at - interval '1344 hours' AND occurred_at < p.at
) AS left_out
