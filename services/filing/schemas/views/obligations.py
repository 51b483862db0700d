"""What is owed, and the clocks that run, as callers see them."""

from uuid import UUID

from pydantic import ConfigDict, Field

from services.filing.schemas import examples
from services.filing.schemas.views.rows import Local, View


class ClockEntryView(View):
    kind: str
    at: Local
    reason: str


class ClockView(View):
    """A clock by its ledger; `remaining_seconds` counts in office time for working days."""

    state: str
    limit: int
    unit: str
    due_at: Local | None
    provisional: bool
    calendar_version: str
    entries: list[ClockEntryView]
    remaining_seconds: int
    fired: list[str]


class ObligationView(View):
    """What is owed, by whom, until when; a breach stays, whatever follows (F8)."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.OBLIGATION]})

    id: UUID
    kind: str
    state: str = Field(description="OPEN 或 FULFILLED；是否逾期见 late、breached_at")
    organisation_id: str
    region: str
    filing_id: UUID | None
    subject: str | None
    clause: str
    opened_at: Local
    due_at: Local
    provisional: bool
    breached_at: Local | None
    fulfilled_at: Local | None
    fulfilled_by: UUID | None
    late: bool
    clock: ClockView | None = None
