"""Files as their readers get them: through a filing that cites them."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import undefer

from services.filing.errors import AttachmentNotFound
from services.filing.queries.filings import seen
from services.filing.rules import content_context
from services.filing.tables import Citation, Filing, StoredAttachment
from shared.clock import SHANGHAI
from shared.database import Database, Transaction
from shared.policies import Policy, effective
from shared.policy_rows import load_policies
from shared.security.encryption import Keyring, decrypt_bytes
from shared.security.files import Limits
from shared.security.identity import system


@dataclass(frozen=True, slots=True)
class Download:
    name: str
    media_type: str
    data: bytes


async def upload_limits(database: Database, defaults: Iterable[Policy]) -> Limits:
    """How far an uploaded file may unfold today, read before the upload has a transaction."""
    async with database.transaction(system("filing")) as tx:
        policies = await load_policies(tx, defaults)
    today = tx.now.astimezone(SHANGHAI).date()
    return Limits(
        expanded_bytes=int(effective(policies, "attachment_expanded", today).value),
        entries=int(effective(policies, "attachment_entries", today).value),
    )


async def read_attachment(
    tx: Transaction, filing_id: UUID, sha256: str, *, keyring: Keyring
) -> Download:
    """A file that this filing's thread cites; `attachment_not_found` (404), also for the unseen.

    The caller sees the citation when it sees the filing (row-level security of the thread).
    """
    found = (
        await tx.session.execute(
            select(Citation.name, StoredAttachment)
            .join(
                StoredAttachment,
                (StoredAttachment.organisation_id == Citation.organisation_id)
                & (StoredAttachment.sha256 == Citation.sha256),
            )
            .join(Filing, Filing.id == Citation.filing_id)
            .where(Citation.filing_id == filing_id, Citation.sha256 == sha256, seen(tx))
            .options(undefer(StoredAttachment.content))
            .limit(1)
        )
    ).first()
    if found is None:
        raise AttachmentNotFound(filing_id=filing_id, sha256=sha256)
    name, stored = found
    context = content_context(stored.organisation_id, stored.sha256)
    return Download(
        name=name,
        media_type=stored.media_type,
        data=decrypt_bytes(keyring, stored.content, context=context),
    )
