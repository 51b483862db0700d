"""Door 1, HTTP: path, one command or query, the shape of the answer."""

from fastapi import APIRouter

from services.filing.api import authority, emergency, filings, plans, review, types

router = APIRouter()
for part in (
    types.router,
    plans.router,
    filings.router,
    review.router,
    authority.router,
    emergency.router,
):
    router.include_router(part)
