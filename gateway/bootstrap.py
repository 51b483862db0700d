"""The first API client: the province's own, made once when there is none."""

import asyncio

from sqlalchemy import func, select, text

from gateway.oauth.clients import SCOPES
from gateway.settings import GatewaySettings
from gateway.tables import ApiClient, ClientSecret
from shared.database import Database
from shared.security.client_secrets import stored_form
from shared.security.identity import PROVINCE_REGION, Role, system

PROVINCIAL_AUTHORITY = "jx-zwfw"


async def ensure_first_client(
    database: Database, settings: GatewaySettings, *, pepper: bytes
) -> None:
    """Register `bootstrap_client` with the secret of its file while no client exists."""
    if settings.bootstrap_client is None or settings.bootstrap_secret_file is None:
        return
    secret = (await asyncio.to_thread(settings.bootstrap_secret_file.read_text)).strip()
    async with database.transaction(system("gateway")) as tx:
        await tx.session.execute(text("select pg_advisory_xact_lock(hashtextextended('first', 3))"))
        if await tx.session.scalar(select(func.count()).select_from(ApiClient)):
            return
        tx.session.add(
            ApiClient(
                id=settings.bootstrap_client,
                organisation_id=PROVINCIAL_AUTHORITY,
                role=Role.PROVINCE,
                region=PROVINCE_REGION,
                scopes=sorted(SCOPES),
                state="ACTIVE",
                version=1,
                registered_at=tx.now,
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
