"""The register of mobile channels."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.catalog.api.query import IdFilter, RegionFilter, WordFilter
from services.catalog.commands import channels as commands
from services.catalog.queries import channels
from services.catalog.schemas.channels import ChannelInput, ChannelUpdate, ChannelView
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Related, Tx
from shared.http.pagination import Paging, Results, link_next

router = APIRouter(route_class=OperationRoute, tags=["移动渠道"])


@router.get("/v1/channels")
async def list_channels(
    *,
    tx: Tx,
    request: Request,
    response: Response,
    page: Paging,
    kind: WordFilter = "",
    organisation: IdFilter = "",
    region: RegionFilter = "",
    state: WordFilter = "",
    flagged: Annotated[
        bool | None, Query(description="true: 凭例外报备建设 / by an exception (A5.1)")
    ] = None,
) -> Results[ChannelView]:
    items, cursor, total = await channels.list_channels(
        tx,
        page,
        kind=kind,
        organisation=organisation,
        region=region,
        state=state,
        flagged=flagged,
    )
    link_next(request, response, cursor)
    return Results(items=items, next_cursor=cursor, total=total)


@router.post("/v1/channels", status_code=201)
async def register_channel(
    tx: Tx, relation: Related, body: ChannelInput, response: Response
) -> ChannelView:
    channel = await commands.register_channel(tx, body, relation=relation)
    response.headers["Location"] = f"/v1/channels/{channel.id}"
    set_version(response, channel.version)
    return channels.channel_view(channel)


@router.get("/v1/channels/{channel_id}")
async def get_channel(tx: Tx, channel_id: UUID, response: Response) -> ChannelView:
    view = await channels.get_channel(tx, channel_id)
    set_version(response, view.version)
    return view


@router.put("/v1/channels/{channel_id}")
async def update_channel(
    *, tx: Tx, relation: Related, channel_id: UUID, body: ChannelUpdate, response: Response
) -> ChannelView:
    channel = await commands.update_channel(tx, channel_id, body, relation=relation)
    set_version(response, channel.version)
    return channels.channel_view(channel)
