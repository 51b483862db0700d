"""Work that waits: imports with their rows, and the nights that were checked."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from services.catalog.tables.mapping import Base


class Import(Base):
    __tablename__ = "imports"
    __table_args__ = (
        Index(
            "ix_imports_open", "created_at", postgresql_where=text("state in ('PENDING','RUNNING')")
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    resource: Mapped[str]
    dry_run: Mapped[bool]
    state: Mapped[str]
    total: Mapped[int]
    done: Mapped[int]
    inserted: Mapped[int] = mapped_column(default=0)
    updated: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int]
    diff: Mapped[list[Any]] = mapped_column(default=list)
    tries: Mapped[int] = mapped_column(default=0)
    actor: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class ImportRow(Base):
    """A row that waits, in the order of work; gone when its import is done."""

    __tablename__ = "import_rows"
    __table_args__ = (Index("ix_import_rows_import_id_key", "import_id", "key"),)

    import_id: Mapped[UUID] = mapped_column(ForeignKey("imports.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]
    key: Mapped[str]
    cells: Mapped[str]
    outcome: Mapped[str | None]


class ImportFlaw(Base):
    __tablename__ = "import_flaws"

    import_id: Mapped[UUID] = mapped_column(ForeignKey("imports.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    column: Mapped[str | None]
    code: Mapped[str]
    params: Mapped[dict[str, Any]]


class NightlyRun(Base):
    """A nightly check that was done on a day, so that it is done once however many replicas ask."""

    __tablename__ = "nightly_runs"

    name: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
