"""Probes: what each listing is asked, what it answered, and where its time went."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.monitoring.api.query import OrganisationFilter, RegionFilter
from services.monitoring.commands import probes as commands
from services.monitoring.commands.probes import ProbeEntry
from services.monitoring.queries import probes
from services.monitoring.rules.hysteresis import ProbeState
from services.monitoring.schemas.fields import Moment
from services.monitoring.schemas.probes import (
    AvailabilityView,
    HealthView,
    ProbeInput,
    ProbeUpdate,
    ProbeView,
    SampleView,
)
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Related, Tx
from shared.http.pagination import Page, Paging, link_next

router = APIRouter(route_class=OperationRoute, tags=["运行监测"])


@router.get("/v1/probes")
async def list_probes(
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    *,
    organisation: OrganisationFilter = "",
    region: RegionFilter = "",
    listing: UUID | None = None,
    state: Annotated[ProbeState | None, Query()] = None,
) -> Page[ProbeView]:
    items, cursor = await probes.list_probes(
        tx, page, organisation=organisation, region=region, listing=listing, state=state
    )
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.post("/v1/probes", status_code=201)
async def create_probe(
    tx: Tx, relation: Related, body: ProbeInput, response: Response
) -> ProbeView:
    entry = ProbeEntry(**body.model_dump(exclude={"listing_id"}))
    probe = await commands.create_probe(tx, body.listing_id, entry, relation=relation)
    response.headers["Location"] = f"/v1/probes/{probe.id}"
    set_version(response, probe.version)
    return await probes.show_probe(tx, probe.id)


@router.get("/v1/probes/{probe_id}")
async def get_probe(tx: Tx, probe_id: UUID, response: Response) -> ProbeView:
    view = await probes.show_probe(tx, probe_id)
    set_version(response, view.version)
    return view


@router.put("/v1/probes/{probe_id}")
async def change_probe(
    *, tx: Tx, relation: Related, probe_id: UUID, body: ProbeUpdate, response: Response
) -> ProbeView:
    entry = ProbeEntry(**body.model_dump())
    probe = await commands.change_probe(tx, probe_id, entry, relation=relation)
    set_version(response, probe.version)
    return await probes.show_probe(tx, probe_id)


@router.get("/v1/probes/{probe_id}/samples")
async def list_samples(
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    *,
    probe_id: UUID,
    until: Annotated[
        Moment | None, Query(description="此前一小时 / the hour before this instant")
    ] = None,
) -> Page[SampleView]:
    items, cursor = await probes.list_samples(tx, page, probe_id, until=until)
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.get("/v1/probes/{probe_id}/availability")
async def get_availability(
    tx: Tx,
    *,
    probe_id: UUID,
    since: Annotated[Moment | None, Query()] = None,
    until: Annotated[Moment | None, Query()] = None,
) -> AvailabilityView:
    return await probes.show_availability(tx, probe_id, since=since, until=until)


@router.get("/v1/health")
async def list_health(
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    *,
    region: RegionFilter = "",
    organisation: OrganisationFilter = "",
) -> Page[HealthView]:
    items, cursor = await probes.list_health(tx, page, region=region, organisation=organisation)
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)
