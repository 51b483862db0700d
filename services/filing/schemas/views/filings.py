"""Filings, their threads and confirmations, as callers see them."""

from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field

from services.filing.schemas import examples
from services.filing.schemas.views.rows import Local, View


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
