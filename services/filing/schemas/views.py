"""What callers see; times in Jiangxi's zone, enumerations extensible."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.filing.schemas import examples
from shared.clock import SHANGHAI


def _local(value: datetime) -> datetime:
    return value.astimezone(SHANGHAI)


Local = Annotated[datetime, AfterValidator(_local), Field(examples=["2025-11-03T09:20:00+08:00"])]


class View(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class HistoryView(View):
    """Who did what, when, under which clause, with which opinion and evidence."""

    at: Local
    round: int
    action: str
    state: str
    actor: str
    acting_for: str | None = Field(description="受谁委托；null 表示本人办理")
    organisation: str
    clause: str | None
    opinion: str
    evidence: list[dict[str, Any]]
    digest: str


class RoundView(View):
    """What was sent in one round of the thread."""

    round: int
    submitted_at: Local
    digest: str
    content: dict[str, Any]
    self_test: dict[str, Any] | None


class FilingSummary(View):
    """One filing in a list."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.SUMMARY]})

    id: UUID
    number: str | None = Field(description="回执编号", examples=["GFT-2026-000123"])
    filing_type: str = Field(validation_alias="type")
    type_version: int
    flow: str
    state: str
    organisation_id: str
    region: str
    listing_id: UUID | None
    item_code: str | None
    digest: str
    round: int
    submitted_at: Local | None
    decided_at: Local | None
    due_at: Local | None
    due_for: str | None = Field(description="CONFIRMATION, REVIEW, CORRECTION; null 表示不在计时")
    provisional: bool = Field(description="到期日按暂定日历推算，公布放假通知后会重算")
    overdue_at: Local | None
    created_at: Local
    updated_at: Local
    version: int


class FilingView(FilingSummary):
    """One filing with its document, its thread, and what this caller may do now."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.FILING]})

    content: dict[str, Any]
    plan_line_id: UUID | None
    oral_report_id: UUID | None
    self_test: dict[str, Any] | None
    departments: list[str] = Field(description="须确认的省直业务部门（A11.2）")
    confirmed_by: list[str]
    goes_live_at: Local | None
    revoked_by: UUID | None
    revokes: list[UUID]
    obligation_id: UUID | None
    allowed_actions: list[str]
    history: list[HistoryView]
    rounds: list[RoundView]


class ConfirmationView(View):
    """A department's confirmation of one version; `filing_id` is null until a filing matches."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.CONFIRMATION]})

    id: UUID
    item_code: str
    digest: str
    department: str
    filing_id: UUID | None
    opinion: str
    given_at: Local


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


class OralReportView(View):
    """What was reported by word of mouth before the switch (A11.4)."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.ORAL_REPORT]})

    id: UUID
    listing_id: UUID
    organisation_id: str
    region: str
    reporter_office: str
    receiver_office: str
    channel: str
    reported_at: Local
    summary: str
    reason_class: str
    recorded_at: Local


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


class NoticeView(View):
    id: UUID
    published_at: Local


class GatewayView(View):
    """Whether the entry is closed: CLOSING until catalog has told so."""

    state: str
    delisted_at: Local | None


class EmergencyView(View):
    """The order, the notice, the gateway, and the written filing that is owed: one record (C8)."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.EMERGENCY]})

    id: UUID
    number: str
    listing_id: UUID
    organisation_id: str
    region: str
    reason_class: str
    on_order_of: str | None
    ordering_organisation: str
    ordered_at: Local
    notice_text: str | None
    alternative_channel: str | None
    oral_report: OralReportView
    notice: NoticeView | None
    gateway: GatewayView
    obligation: ObligationView
    written_filing_id: UUID | None
    revoked_filings: list[UUID]
    version: int


class FilingTypeView(View):
    """A type in one version: flow, gates, the JSON Schema of its document, its state diagram."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.FILING_TYPE]})

    filing_type: str
    title: str
    version: int
    effective_from: date
    flow: str
    flow_local: str
    clause: str
    review: str = Field(description="审查期限所用的政策参数，见 GET /v1/filing/policies")
    needs_plan_line: bool
    needs_self_test: bool
    needs_live_listing: bool
    may_withdraw: bool
    content_schema: dict[str, Any]
    diagrams: dict[str, str] = Field(description="Mermaid，按流程")
    versions: list[int]


class ForcedExitView(View):
    """The decision that forced a partner out: cause, evidence, who decided, when (A15.5)."""

    id: UUID
    number: str
    cause: str
    circumstances: str
    liability: str
    evidence: list[dict[str, Any]]
    decided_by: str
    deciding_organisation: str
    deciding_office: str
    decided_at: Local


class PartnerView(View):
    """A partner: ACTIVE since its application was approved, or FORCED_OUT for good."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.PARTNER]})

    organisation_id: str
    region: str
    name: str
    uscc: str
    state: str
    supervising_organisation: str
    data_scope: list[str]
    liaison_office: str
    application_id: UUID
    active_since: Local
    valid_until: date
    forced_exit: ForcedExitView | None = None
    version: int


class WindowView(View):
    """A window; `short_notice` says that it was filed later than the lead time asks (A16.3)."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.WINDOW]})

    id: UUID
    filing_id: UUID = Field(description="最近一次改变窗口的报备")
    filing_type: str
    organisation_id: str
    region: str
    title: str
    kind: str
    listing_ids: list[UUID]
    starts_at: Local
    ends_at: Local
    impact: str
    state: str
    change: int
    filed_at: Local
    short_notice: bool
    ended_at: Local | None
    version: int
