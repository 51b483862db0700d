"""The yearly list, as callers see it."""

from datetime import date
from uuid import UUID

from pydantic import ConfigDict

from services.filing.schemas import examples
from services.filing.schemas.views.rows import View


class PlanLineView(View):
    """A line of a yearly list: FILED, ACTIVE, REPLACED or WITHDRAWN."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.PLAN_LINE]})

    id: UUID
    filing_id: UUID
    organisation_id: str
    region: str
    year: int
    item_code: str
    hall_id: str
    kind: str
    planned_on: date
    note: str
    state: str


class PlannedView(View):
    item_code: str
    hall_id: str
    kind: str
    planned_on: date
    note: str


class PlanRowErrorView(View):
    """What is wrong in one cell; rows are counted from 1, without the header."""

    row: int
    column: str
    code: str
    detail: str


class PlanDiffView(View):
    """What filing this list would change; `filing_id` names a filing that already says the same."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.PLAN_DIFF]})

    year: int
    rows: int
    valid: bool
    added: list[PlannedView]
    removed: list[PlannedView]
    changed: list[PlannedView]
    unchanged: int
    errors: list[PlanRowErrorView]
    digest: str
    filing_id: UUID | None
