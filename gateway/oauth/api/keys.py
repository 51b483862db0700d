"""The keys that sign."""

from datetime import timedelta

from fastapi import APIRouter, Request, Response

from gateway.oauth import keys
from gateway.oauth.schemas import KeyRotation, SigningKeysView, SigningKeyView
from gateway.tables import SigningKeySet
from shared.clock import SHANGHAI
from shared.database import Transaction
from shared.http.conditional import set_version
from shared.http.operations import OperationRoute, Tx
from shared.policy_rows import policy_now

router = APIRouter(route_class=OperationRoute)


@router.get("/v1/signing-keys", tags=["身份"])
async def get_signing_keys(tx: Tx, request: Request, response: Response) -> SigningKeysView:
    return await _keys_view(tx, request, response, await keys.key_set(tx))


@router.post("/v1/signing-keys/rotation", tags=["身份"])
async def rotate_signing_keys(
    tx: Tx, request: Request, response: Response, rotation: KeyRotation
) -> SigningKeysView:
    """A fresh key signs from now on; both are live until the grace ends (G5)."""
    minutes = rotation.grace_minutes
    if minutes is None:
        policy = await policy_now(tx, request.app.state.policy_defaults, "signing_key_grace")
        minutes = int(policy.value)
    row = await request.app.state.key_holder.rotate(tx, grace=timedelta(minutes=minutes))
    return await _keys_view(tx, request, response, row)


async def _keys_view(
    tx: Transaction, request: Request, response: Response, row: SigningKeySet
) -> SigningKeysView:
    set_version(response, row.version)
    used = await keys.stamps(tx)
    return SigningKeysView(
        rotated_at=row.rotated_at.astimezone(SHANGHAI),
        keys=[
            SigningKeyView(
                kid=each.kid,
                signs=each.signs,
                ends_at=each.ends_at and each.ends_at.astimezone(SHANGHAI),
                last_used_at=used[each.kid].astimezone(SHANGHAI) if each.kid in used else None,
            )
            for each in request.app.state.key_holder.live(row, now=tx.now)
        ],
    )
