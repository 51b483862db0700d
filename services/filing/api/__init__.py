"""Door 1, HTTP: path, one command or query, the shape of the answer."""

from fastapi import APIRouter

from services.filing.api import (
    appeals,
    applications,
    artefacts,
    attachments,
    authority,
    emergency,
    filings,
    partners,
    plans,
    policies,
    queue,
    receipt,
    review,
    types,
    windows,
)

router = APIRouter()
for part in (
    types,
    plans,
    filings,
    attachments,
    review,
    applications,
    appeals,
    authority,
    policies,
    queue,
    receipt,
    emergency,
    partners,
    windows,
    artefacts,
):
    router.include_router(part.router)
