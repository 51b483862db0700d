"""Door 1, HTTP: path, one command or query, the shape of the answer."""

from fastapi import APIRouter

from services.monitoring.api import (
    emergency,
    heartbeats,
    hours,
    imports,
    incidents,
    leads,
    live,
    probes,
    responding,
    vantages,
    walks,
    windows,
)

router = APIRouter()
for part in (
    probes,
    imports,
    heartbeats,
    hours,
    walks,
    vantages,
    incidents,
    responding,
    windows,
    live,
    emergency,
    leads,
):
    router.include_router(part.router)
