"""Files that filings and decisions cite, encrypted; one row for each organisation and digest."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, deferred, mapped_column

from services.filing.tables.mapping import Code, Row


class StoredAttachment(Row):
    """A file of one organisation; what no filing cites in time is forgotten."""

    __tablename__ = "attachments"
    __table_args__ = (
        Index(
            "ix_attachments_uncited",
            "uploaded_at",
            postgresql_where=text("NOT cited"),
        ),
    )

    organisation_id: Mapped[Code]
    sha256: Mapped[Code]
    region: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int]
    content: Mapped[bytes] = deferred(mapped_column(LargeBinary, nullable=False))
    uploaded_by: Mapped[str]
    uploaded_at: Mapped[datetime]
    cited: Mapped[bool]


class Citation(Row):
    """A filing's thread cites a file: whoever sees the thread may read the file."""

    __tablename__ = "attachment_citations"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organisation_id", "sha256"],
            ["filing.attachments.organisation_id", "filing.attachments.sha256"],
        ),
        Index("ix_attachment_citations_file", "organisation_id", "sha256"),
    )

    filing_id: Mapped[UUID] = mapped_column(ForeignKey("filing.filings.id"), primary_key=True)
    sha256: Mapped[Code]
    organisation_id: Mapped[Code]
    name: Mapped[str]
