"""Files: taken once for an organisation, cited by filings, forgotten if nobody ever cites them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from sqlalchemy import delete, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from services.filing.commands.records import owner, policies_now
from services.filing.errors import AttachmentMissing
from services.filing.rules import Cited, content_context
from services.filing.tables import Citation, StoredAttachment
from shared.database import Transaction
from shared.errors import FieldError
from shared.security.encryption import Keyring, encrypt_bytes
from shared.security.files import FileKind

_BATCH = 200


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that has been looked through."""

    data: bytes
    media_type: FileKind


async def store_attachment(
    tx: Transaction, upload: Upload, *, keyring: Keyring
) -> StoredAttachment:
    """Keep a file of the caller's organisation; the same bytes again are the same file."""
    digest = sha256(upload.data).hexdigest()
    organisation = await owner(tx)
    await tx.session.execute(
        insert(StoredAttachment)
        .values(
            organisation_id=organisation.id,
            sha256=digest,
            region=organisation.region,
            media_type=upload.media_type,
            size=len(upload.data),
            content=encrypt_bytes(
                keyring, upload.data, context=content_context(organisation.id, digest)
            ),
            uploaded_by=tx.actor.subject,
            uploaded_at=tx.now,
            cited=False,
        )
        .on_conflict_do_nothing()
    )
    tx.audit(
        "attachment.stored",
        subject=f"attachment:{organisation.id}:{digest}",
        details={"media_type": upload.media_type, "size": len(upload.data)},
    )
    return await tx.session.get_one(StoredAttachment, (organisation.id, digest))


async def cite(tx: Transaction, filing_id: UUID, cited: Sequence[Cited]) -> None:
    """Bind files that the caller's organisation has uploaded to a filing's thread.

    `cited` are (pointer, `{name, sha256, size?}`); `attachment_missing` (422) names each that is
    not there.
    """
    if not cited:
        return
    owner_ = tx.actor.organisation
    digests = {file["sha256"] for _, file in cited}
    found = await tx.session.execute(
        update(StoredAttachment)
        .where(StoredAttachment.organisation_id == owner_, StoredAttachment.sha256.in_(digests))
        .values(cited=True)
        .returning(StoredAttachment.sha256, StoredAttachment.size)
    )
    sizes = {row.sha256: row.size for row in found}
    missing = [
        FieldError(pointer, AttachmentMissing.code)
        for pointer, file in cited
        if file.get("size", sizes.get(file["sha256"])) != sizes.get(file["sha256"], 0)
    ]
    if missing:
        raise AttachmentMissing(clause="A21.4", errors=missing)
    await tx.session.execute(
        insert(Citation)
        .values(
            [
                {
                    "filing_id": filing_id,
                    "sha256": digest,
                    "organisation_id": owner_,
                    "name": name,
                }
                for digest, name in {file["sha256"]: file["name"] for _, file in cited}.items()
            ]
        )
        .on_conflict_do_nothing()
    )


async def forget_uncited(tx: Transaction) -> int:
    """Delete what was uploaded and never cited, once the policy's days are over."""
    days = int((await policies_now(tx))["attachment_uncited"].value)
    key = tuple_(StoredAttachment.organisation_id, StoredAttachment.sha256)
    old = (
        select(StoredAttachment.organisation_id, StoredAttachment.sha256)
        .where(
            ~StoredAttachment.cited, StoredAttachment.uploaded_at < tx.now - timedelta(days=days)
        )
        .order_by(StoredAttachment.uploaded_at)
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
    gone = await tx.session.execute(
        delete(StoredAttachment)
        .where(key.in_(old))
        .returning(StoredAttachment.organisation_id, StoredAttachment.sha256)
    )
    forgotten = [f"attachment:{row.organisation_id}:{row.sha256}" for row in gone]
    for subject in forgotten:
        tx.audit("attachment.forgotten", subject=subject)
    return len(forgotten)
