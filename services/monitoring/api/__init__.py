"""Door 1, HTTP: path, one command or query, the shape of the answer."""

from fastapi import APIRouter

from services.monitoring.api import incidents, probes, windows

router = APIRouter()
for part in (probes, incidents, windows):
    router.include_router(part.router)
