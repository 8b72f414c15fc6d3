SELECT extract(epoch from created_at) as "time", duration_ms FROM queries WHERE extract(epoch from created_at) >= 1767225600 AND extract(epoch from created_at) <= 1767229200 LIMIT 1
