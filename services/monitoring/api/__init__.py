"""Door 1, HTTP: path, one command or query, the shape of the answer."""

from fastapi import APIRouter

from services.monitoring.api import (
    electronic,
    emergency,
    findings,
    heartbeats,
    hours,
    imports,
    incidents,
    inspections,
    leads,
    live,
    probes,
    responding,
    reviews,
    supervision,
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
    findings,
    inspections,
    supervision,
    electronic,
    reviews,
):
    router.include_router(part.router)
