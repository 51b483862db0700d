"""The HTTP edge: problems, conditional requests, idempotency, pagination, languages."""
