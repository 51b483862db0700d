"""Walks of several steps: set, asked for, and what came of them (M2)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from services.monitoring.api.query import OrganisationFilter
from services.monitoring.commands import walks as commands
from services.monitoring.commands.walks import WalkEntry
from services.monitoring.queries import walks
from services.monitoring.rules.walking import Step
from services.monitoring.schemas.walks import WalkInput, WalkRunView, WalkUpdate, WalkView
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Related, Tx
from shared.http.pagination import Page, Paging, link_next
from shared.security.encryption import Keyring

router = APIRouter(route_class=OperationRoute, tags=["运行监测"])


def keyring_of(request: Request) -> Keyring:
    keyring: Keyring = request.app.state.keyring
    return keyring


Keys = Annotated[Keyring, Depends(keyring_of)]


def _entry(body: WalkUpdate) -> WalkEntry:
    return WalkEntry(
        name=body.name,
        steps=[Step(**each.model_dump()) for each in body.steps],
        cleanup=[Step(**each.model_dump()) for each in body.cleanup],
        secrets=body.secrets,
        interval_seconds=body.interval_seconds,
        timeout_seconds=body.timeout_seconds,
        vantages=body.vantages,
        parents=body.parents,
        paused=body.paused,
    )


@router.get("/v1/walks")
async def list_walks(
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    *,
    organisation: OrganisationFilter = "",
    listing: UUID | None = None,
) -> Page[WalkView]:
    items, cursor = await walks.list_walks(tx, page, organisation=organisation, listing=listing)
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.post("/v1/walks", status_code=201)
async def create_walk(
    tx: Tx, keyring: Keys, relation: Related, body: WalkInput, response: Response
) -> WalkView:
    walk = await commands.create_walk(
        tx, body.listing_id, _entry(body), keyring=keyring, relation=relation
    )
    response.headers["Location"] = f"/v1/walks/{walk.id}"
    set_version(response, walk.version)
    return await walks.show_walk(tx, walk.id)


@router.get("/v1/walks/{walk_id}")
async def get_walk(tx: Tx, walk_id: UUID, response: Response) -> WalkView:
    view = await walks.show_walk(tx, walk_id)
    set_version(response, view.version)
    return view


@router.put("/v1/walks/{walk_id}")
async def change_walk(
    *,
    tx: Tx,
    keyring: Keys,
    relation: Related,
    walk_id: UUID,
    body: WalkUpdate,
    response: Response,
) -> WalkView:
    walk = await commands.change_walk(tx, walk_id, _entry(body), keyring=keyring, relation=relation)
    set_version(response, walk.version)
    return await walks.show_walk(tx, walk_id)


@router.post("/v1/walks/{walk_id}/runs", status_code=202)
async def request_walk_run(
    tx: Tx, relation: Related, walk_id: UUID, response: Response
) -> WalkRunView:
    run = await commands.request_run(tx, walk_id, relation=relation)
    response.headers["Location"] = f"/v1/walk-runs/{run.id}"
    return await walks.show_run(tx, run.id)


@router.get("/v1/walks/{walk_id}/runs")
async def list_walk_runs(
    tx: Tx, request: Request, response: Response, page: Paging, *, walk_id: UUID
) -> Page[WalkRunView]:
    items, cursor = await walks.list_runs(tx, page, walk_id)
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)


@router.get("/v1/walk-runs/{run_id}")
async def get_walk_run(tx: Tx, run_id: UUID) -> WalkRunView:
    return await walks.show_run(tx, run_id)
