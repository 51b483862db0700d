"""Door 1, HTTP: path, one command or query, the shape of the answer."""

from fastapi import APIRouter

from services.monitoring.api import heartbeats, hours, imports, incidents, probes, vantages, walks

router = APIRouter()
for part in (probes, imports, heartbeats, hours, walks, vantages, incidents):
    router.include_router(part.router)
