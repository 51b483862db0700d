"""Door 1, HTTP: path, one command or query, the shape of the answer."""

from fastapi import APIRouter

from services.monitoring.api import (
    emergency,
    incidents,
    leads,
    live,
    probes,
    responding,
    windows,
)

router = APIRouter()
for part in (probes, incidents, responding, windows, live, emergency, leads):
    router.include_router(part.router)
