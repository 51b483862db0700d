"""An emergency delisting and its oral report, as callers see them."""

from uuid import UUID

from pydantic import ConfigDict

from services.filing.schemas import examples
from services.filing.schemas.views.obligations import ObligationView
from services.filing.schemas.views.rows import Local, View


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
