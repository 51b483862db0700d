"""The first API client: the province's own, made once when there is none."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select, text

from gateway.oauth.clients import SCOPES
from gateway.settings import GatewaySettings
from gateway.tables import ApiClient, ClientSecret
from shared.clock import SHANGHAI
from shared.database import Database
from shared.policies import Policy
from shared.policy_rows import policy_now
from shared.security.client_secrets import stored_form
from shared.security.identity import PROVINCE_REGION, Role, system

PROVINCIAL_AUTHORITY = "jx-zwfw"


async def ensure_first_client(
    database: Database, settings: GatewaySettings, *, pepper: bytes, defaults: Sequence[Policy]
) -> None:
    """Register `bootstrap_client` with the secret of its file while no client exists.

    Where the province's accounts are privileged, somebody has to file the first clearance: this one
    client may act without one until its term is over (A21.3).
    """
    if settings.bootstrap_client is None or settings.bootstrap_secret_file is None:
        return
    secret = (await asyncio.to_thread(settings.bootstrap_secret_file.read_text)).strip()
    async with database.transaction(system("gateway")) as tx:
        await tx.session.execute(text("select pg_advisory_xact_lock(hashtextextended('first', 3))"))
        if await tx.session.scalar(select(func.count()).select_from(ApiClient)):
            return
        term = await policy_now(tx, defaults, "bootstrap_clearance_days")
        today = tx.now.astimezone(SHANGHAI).date()
        tx.session.add(
            ApiClient(
                id=settings.bootstrap_client,
                organisation_id=PROVINCIAL_AUTHORITY,
                role=Role.PROVINCE,
                region=PROVINCE_REGION,
                scopes=sorted(SCOPES),
                groups=[],
                state="ACTIVE",
                version=1,
                registered_at=tx.now,
                clearance_due=today + timedelta(days=int(term.value)),
            )
        )
        await tx.session.flush()
        tx.session.add(
            ClientSecret(
                stored=stored_form(secret, pepper=pepper),
                client_id=settings.bootstrap_client,
                created_at=tx.now,
            )
        )
        tx.audit("client.bootstrapped", subject=f"client:{settings.bootstrap_client}")
