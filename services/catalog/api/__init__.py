"""Door 1: catalog's HTTP edge; every path, right and precondition stands in the policy table."""

from fastapi import APIRouter

from services.catalog.api import (
    assets,
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
    coverage,
    notices,
    imports,
    assets,
):
    router.include_router(part.router)
