SELECT created_at AS "time", total_tokens FROM queries WHERE created_at >= '2026-01-01T22:00:00Z' AND created_at <= '2026-01-02T00:00:00Z' ORDER BY created_at
