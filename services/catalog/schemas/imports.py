"""Bulk imports: the job, what it would change, and what is wrong with which cell (DEP4)."""

from typing import Any
from uuid import UUID

from pydantic import Field

from services.catalog.schemas.fields import ShanghaiTime, TwoLanguages, View, shown

_DETAIL = {"zh-CN": "没有这个单位", "en": "No such organisation"}


class RowErrorView(View):
    """One wrong cell; `row` counts from 1 without the header."""

    row: int
    column: str | None
    code: str
    detail: TwoLanguages


class RowChangeView(View):
    """What one row would do; `changes` holds the old and the new value of each column."""

    row: int
    key: str
    outcome: str
    changes: dict[str, list[Any]]


class ImportView(View):
    """The job: `done` of `total` rows; an import in DONE is complete, and its good rows are in."""

    model_config = shown(
        {
            "id": "0199f0a0-0000-7000-8000-0000000000c1",
            "resource": "items",
            "dry_run": True,
            "state": "DONE",
            "total": 2,
            "done": 2,
            "inserted": 1,
            "updated": 0,
            "unchanged": 0,
            "failed": 1,
            "diff": [{"row": 1, "key": "demo-rst-001", "outcome": "INSERTED", "changes": {}}],
            "errors": [
                {
                    "row": 2,
                    "column": "department",
                    "code": "organisation_unknown",
                    "detail": _DETAIL,
                }
            ],
            "errors_url": "/v1/import-jobs/0199f0a0-0000-7000-8000-0000000000c1/errors",
            "created_at": "2026-11-23T10:00:00+08:00",
            "finished_at": "2026-11-23T10:00:01+08:00",
        }
    )

    id: UUID
    resource: str
    dry_run: bool
    state: str
    total: int
    done: int
    inserted: int
    updated: int
    unchanged: int
    failed: int
    diff: list[RowChangeView] = Field(description="of a dry run, the first rows that would change")
    errors: list[RowErrorView] = Field(description="the first ones; all of them at errors_url")
    errors_url: str
    created_at: ShanghaiTime
    finished_at: ShanghaiTime | None
