(partition || '-' || position || CASE WHEN void_recorded_at < p.known THEN ' ' || partition || '-' || void_position ELSE '' END)
