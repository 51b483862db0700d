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
    next_due_at: Local | None = Field(description="下一次催办、升级或到期的时刻")


class PostView(View):
    """A post in one domain: RESPONSIBLE 专人, DEPUTY 副岗, LEADER 分管负责人, LIAISON 联络人."""

    organisation_id: str
    domain: str
    post: str


class AddresseeView(PostView):
    """Who holds it, by the id under which `/v1/responsible-persons` shows them, masked."""

    person_id: UUID


class RungView(View):
    """One rung of the ladder that was fired: for which level, to whom, past which empty posts."""

    rung: str
    level: str = Field(description="RESPONSIBLE、LEADER、SUPERVISOR 或 PROVINCE")
    fired_at: Local
    to: AddresseeView | None = Field(description="各级岗位均空缺时为 null")
    skipped: list[PostView] = Field(description="空缺而越过的岗位")


class ObligationView(View):
    """What is owed, by whom, until when; a breach stays, whatever follows (F8)."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.OBLIGATION]})

    id: UUID
    kind: str
    state: str = Field(description="OPEN 或 FULFILLED；是否逾期见 late、breached_at")
    organisation_id: str
    region: str
    domain: str = Field(description="OPERATION 运营或 MAINTENANCE 运维，由该专人负责")
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
    ladder: list[RungView] = Field(description="已经发出的催办、升级，每级一次")
    clock: ClockView | None = None
