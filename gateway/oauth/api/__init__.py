"""OAuth endpoints, and who may come: API clients, persons, and the keys that sign."""

from fastapi import APIRouter

from gateway.oauth.api import clients, keys, persons, tokens
from gateway.oauth.api.tokens import on_refusal

router = APIRouter()
for part in (tokens, clients, persons, keys):
    router.include_router(part.router)

__all__ = ["on_refusal", "router"]
