"""Import jobs as they stand, and their errors in both languages (DEP4)."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from services.catalog.errors import ImportNotFound
from services.catalog.rules.tables import ERRORS_SHOWN, LAYOUTS
from services.catalog.schemas.fields import TwoLanguages
from services.catalog.schemas.imports import ImportView, RowChangeView, RowErrorView
from services.catalog.tables import Import, ImportFlaw
from shared.clock import SHANGHAI
from shared.database import Database, Transaction
from shared.http.language import EN, ZH
from shared.http.messages import Messages
from shared.policies import Policy, effective
from shared.policy_rows import load_policies
from shared.security.files import Limits
from shared.security.identity import system


async def get_import(tx: Transaction, import_id: UUID, messages: Messages) -> ImportView:
    """The job with its first errors, or `import_not_found` (404)."""
    job = await tx.session.get(Import, import_id)
    if job is None:
        raise ImportNotFound(id=import_id)
    flaws = await _flaws(tx, import_id, limit=ERRORS_SHOWN)
    return import_view(job, [_error_view(flaw, messages) for flaw in flaws])


def import_view(job: Import, errors: Sequence[RowErrorView] = ()) -> ImportView:
    return ImportView(
        id=job.id,
        resource=job.resource,
        dry_run=job.dry_run,
        state=job.state,
        total=job.total,
        done=job.done,
        inserted=job.inserted or 0,
        updated=job.updated or 0,
        unchanged=job.unchanged or 0,
        failed=job.failed,
        diff=[RowChangeView(**each) for each in job.diff],
        errors=list(errors),
        errors_url=f"/v1/import-jobs/{job.id}/errors",
        created_at=job.created_at,
        finished_at=job.finished_at,
    )


Table = list[tuple[str, ...]]


async def get_import_errors(tx: Transaction, import_id: UUID, messages: Messages) -> Table:
    """Every error as a line: row, column, code and the sentence in both languages."""
    if await tx.session.get(Import, import_id) is None:
        raise ImportNotFound(id=import_id)
    flaws = await _flaws(tx, import_id)
    views = [_error_view(flaw, messages) for flaw in flaws]
    return [
        ("row", "column", "code", "zh-CN", "en"),
        *(
            (str(each.row), each.column or "", each.code, each.detail.zh_cn, each.detail.en)
            for each in views
        ),
    ]


def import_template(resource: str) -> Table:
    """The header line that an import of this resource begins with."""
    return [LAYOUTS[resource].columns]


async def file_limits(database: Database, defaults: Iterable[Policy]) -> Limits:
    """How far a workbook may unfold today, read before the import has a transaction."""
    async with database.transaction(system("catalog")) as tx:
        policies = await load_policies(tx, defaults)
    today = tx.now.astimezone(SHANGHAI).date()
    return Limits(
        expanded_bytes=int(effective(policies, "import_expanded", today).value),
        entries=int(effective(policies, "import_entries", today).value),
    )


async def _flaws(
    tx: Transaction, import_id: UUID, limit: int | None = None
) -> Sequence[ImportFlaw]:
    rows = await tx.session.scalars(
        select(ImportFlaw)
        .where(ImportFlaw.import_id == import_id)
        .order_by(ImportFlaw.number, ImportFlaw.place)
        .limit(limit)
    )
    return rows.all()


def _error_view(flaw: ImportFlaw, messages: Messages) -> RowErrorView:
    params: dict[str, Any] = flaw.params
    return RowErrorView(
        row=flaw.number,
        column=flaw.column,
        code=flaw.code,
        detail=TwoLanguages(
            **{language: messages.title(flaw.code, language, params) for language in (ZH, EN)}
        ),
    )
