"""OAuth 2.0 client credentials: token endpoint, metadata, keys, API clients (DEP1)."""
