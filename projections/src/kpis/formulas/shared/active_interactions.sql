-- Not voided interactions by people who did something, as known.
SELECT user_id, capsule_id, session_id, feature, occurred_at /*: , interaction_id, {event} AS events */
FROM {read}.interactions
WHERE tenant = p.tenant AND recorded_at < p.known AND (void_recorded_at IS NULL OR void_recorded_at >= p.known)
  AND {is_active}
