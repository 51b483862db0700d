"""Door 1: catalog's HTTP edge; every path, right and precondition stands in the policy table."""

from fastapi import APIRouter

from services.catalog.api import (
    assets,
    assurance,
    channels,
    coverage,
    imports,
    items,
    listings,
    notices,
    organisations,
    partners,
    persons,
    reference,
)

router = APIRouter()
for part in (
    reference,
    organisations,
    channels,
    persons,
    partners,
    items,
    listings,
    assurance,
    coverage,
    notices,
    imports,
    assets,
):
    router.include_router(part.router)
