"""Door 1, HTTP: path, one command or query, the shape of the answer."""

from fastapi import APIRouter

from services.monitoring.api import incidents, live, probes, responding, windows

router = APIRouter()
for part in (probes, incidents, responding, windows, live):
    router.include_router(part.router)
