"""Heartbeats: set by their owner, beaten by the owner's system."""

from uuid import UUID

from fastapi import APIRouter, Response

from services.monitoring.commands import heartbeats as commands
from services.monitoring.commands.heartbeats import HeartbeatEntry
from services.monitoring.queries import heartbeats
from services.monitoring.schemas.heartbeats import (
    BeatInput,
    BeatView,
    HeartbeatInput,
    HeartbeatUpdate,
    HeartbeatView,
    IssuedHeartbeat,
)
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Related, Tx

router = APIRouter(route_class=OperationRoute, tags=["运行监测"])


@router.post("/v1/heartbeats", status_code=201)
async def create_heartbeat(
    tx: Tx, relation: Related, body: HeartbeatInput, response: Response
) -> IssuedHeartbeat:
    entry = HeartbeatEntry(**body.model_dump(exclude={"listing_id"}))
    probe, token = await commands.create_heartbeat(tx, body.listing_id, entry, relation=relation)
    response.headers["Location"] = f"/v1/heartbeats/{probe.id}"
    return await _issued(tx, probe.id, token, response)


@router.get("/v1/heartbeats/{heartbeat_id}")
async def get_heartbeat(tx: Tx, heartbeat_id: UUID, response: Response) -> HeartbeatView:
    view = await heartbeats.show_heartbeat(tx, heartbeat_id)
    set_version(response, view.version)
    return view


@router.put("/v1/heartbeats/{heartbeat_id}")
async def change_heartbeat(
    *, tx: Tx, relation: Related, heartbeat_id: UUID, body: HeartbeatUpdate, response: Response
) -> HeartbeatView:
    entry = HeartbeatEntry(**body.model_dump())
    probe = await commands.change_heartbeat(tx, heartbeat_id, entry, relation=relation)
    set_version(response, probe.version)
    return await heartbeats.show_heartbeat(tx, heartbeat_id)


@router.post("/v1/heartbeats/{heartbeat_id}/tokens", status_code=201)
async def renew_heartbeat_token(
    tx: Tx, relation: Related, heartbeat_id: UUID, response: Response
) -> IssuedHeartbeat:
    _, token = await commands.renew_token(tx, heartbeat_id, relation=relation)
    return await _issued(tx, heartbeat_id, token, response)


@router.post("/v1/beats")
async def send_beat(tx: Tx, body: BeatInput) -> BeatView:
    return await heartbeats.show_beat(tx, await commands.take_beat(tx, body.token))


async def _issued(tx: Tx, heartbeat_id: UUID, token: str, response: Response) -> IssuedHeartbeat:
    response.headers["Cache-Control"] = "no-store"
    view = await heartbeats.show_heartbeat(tx, heartbeat_id)
    set_version(response, view.version)
    return IssuedHeartbeat(**view.model_dump(), token=token)
